/** Options of a call, and those of the blocks around it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentScope } from "../../../src/context/scope.ts";
import { inBlock, withCallOptions } from "../../../src/routine/call-block.ts";
import { assertCallOptions } from "../../../src/routine/call-options.ts";

const none = Number.POSITIVE_INFINITY;

test("a call takes Infinity for no limit, and a limit on the search for a worker is left out then", () => {
  assertCallOptions({ timeout: none, returnGrace: none, dispatchTimeout: none });

  // A timeout stays: it stands in place of the routine's own.
  assert.deepEqual(inBlock(undefined, { timeout: none }), { timeout: none });
  assert.equal(inBlock(undefined, { dispatchTimeout: none, tag: "a" })?.dispatchTimeout, undefined);
  assert.equal(inBlock(undefined, { dispatchTimeout: none, tag: "a" })?.tag, "a");
});

test("a call outside any block has the very options that it was given", () => {
  const options = { timeout: 5, dispatchTimeout: 6 };

  assert.equal(inBlock(undefined, options), options);
  assert.equal(inBlock(undefined, undefined), undefined);
});

test("withCallOptions: a priority is that of the inner block, or of the outer one where that has none", () => {
  const seen = withCallOptions({ priority: -1 }, () => [
    inBlock(currentScope()?.callOptions, undefined)?.priority,
    inBlock(currentScope()?.callOptions, { priority: 3 })?.priority,
    withCallOptions({ priority: undefined, tag: "inner" }, () => currentScope()?.callOptions?.priority),
    withCallOptions({ priority: 0 }, () => currentScope()?.callOptions?.priority),
  ]);

  assert.deepEqual(seen, [-1, 3, -1, 0]);
  assert.throws(() => withCallOptions({ priority: 0.5 }, () => {}), { code: "ERR_MERINO_INVALID_OPTION" });
});

test("withCallOptions: with() wins over the inner block, which wins over the outer one", () => {
  const seen = withCallOptions({ tag: "outer", dispatchTimeout: 10 }, () =>
    withCallOptions({ tag: "inner" }, () => {
      const block = currentScope()?.callOptions;
      return [inBlock(block, undefined), inBlock(block, { tag: "call", dispatchTimeout: none })];
    }),
  );

  assert.deepEqual(
    seen.map((options) => [options?.tag, options?.dispatchTimeout]),
    [
      ["inner", 10],
      ["call", undefined],
    ],
  );
});

test("withCallOptions: of several timeouts the shortest counts", () => {
  const timeouts = withCallOptions({ timeout: 100 }, () =>
    withCallOptions({ timeout: 200 }, () => {
      const block = currentScope()?.callOptions;
      return [undefined, { timeout: 50 }, { timeout: 500 }, { timeout: none }].map(
        (given) => inBlock(block, given)?.timeout,
      );
    }),
  );

  assert.deepEqual(timeouts, [100, 50, 100, 100]);
});

test("withCallOptions returns what the function returns, and its options end with it", async () => {
  const result = await withCallOptions({ tag: "a" }, async () => {
    await new Promise(setImmediate);
    return currentScope()?.callOptions?.tag;
  });

  assert.equal(result, "a");
  assert.equal(currentScope()?.callOptions, undefined);
});

test("withCallOptions refuses options that a block cannot have", () => {
  for (const options of [{ prefetch: 3 }, { signal: AbortSignal.abort() }, { timeout: 0 }, { tag: 7 }]) {
    assert.throws(() => withCallOptions(options as object, () => {}), {
      code: "ERR_MERINO_INVALID_OPTION",
    });
  }
});
