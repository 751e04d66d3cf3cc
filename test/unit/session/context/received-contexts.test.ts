/** What comes with tasks again and again is read once, and is shared only where nobody can change it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import { currentBranch } from "../../../../src/context/variables/current-branch.ts";
import { fork } from "../../../../src/context/variables/fork.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import { ContextExchange } from "../../../../src/session/context/context-exchange.ts";
import { ReceivedContexts } from "../../../../src/session/context/received-contexts.ts";

const x = new ContextVar<unknown>("received-contexts.test x");
const y = new ContextVar<unknown>("received-contexts.test y");
const references = processReferences;
const LOCAL = { references, source: { local: true }, module: undefined, routine: "local" };

/** A frame with what a call in this branch carries, somewhere in its batch. */
function frame(set: () => void, before = 3) {
  const bytes = fork(() => {
    set();
    return new ContextExchange(currentBranch()).tell({ references, back: false }) as Uint8Array;
  });
  const batch = Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(5, 9)]);
  const [variablesStart, variablesEnd] = [before, before + bytes.length];
  return {
    bytes: batch,
    variablesStart,
    variablesEnd,
    variables: () => new Uint8Array(batch.subarray(variablesStart, variablesEnd)),
  };
}

test("the same bytes are read once, wherever they lie", () => {
  const contexts = new ReceivedContexts();
  const first = contexts.read(frame(() => x.set("a")));
  const again = contexts.read(frame(() => x.set("a"), 11));

  assert.equal(again, first);
});

test("other bytes are read, also of the same length, and a beginning or an end of those before", () => {
  const contexts = new ReceivedContexts();
  const first = contexts.read(frame(() => x.set("aa")));
  const others = ["ab", "ba", "a", "aaa", ""].map((value) => contexts.read(frame(() => x.set(value))));

  assert.equal(new Set([first, ...others]).size, 6);
  assert.deepEqual(
    others.map((context) => ContextExchange.atWorker(context, LOCAL).branch.bindings.get(x.id)?.value),
    ["ab", "ba", "a", "aaa", ""],
  );
});

test("what is long is not kept", () => {
  const contexts = new ReceivedContexts();
  const long = () => frame(() => x.set("a".repeat(2_000)));

  assert.notEqual(contexts.read(long()), contexts.read(long()));
});

test("tasks share the values that nobody can change, and no changes", () => {
  const values = [0, 127, -1, -32, 1e6, -1e6, 2 ** 40, 0.5, "a", "a".repeat(40), "a".repeat(300), true, null];
  for (const value of values) {
    const context = new ReceivedContexts().read(frame(() => x.set(value)));
    const one = ContextExchange.atWorker(context, LOCAL);
    const other = ContextExchange.atWorker(context, LOCAL);
    assert.equal(one.branch.bindings, other.branch.bindings, String(value));
    assert.equal(one.branch.bindings.get(x.id)?.value, value);

    const more = new ReceivedContexts().read(frame(() => y.set(1)));
    one.follow(more, LOCAL);
    assert.deepEqual([...other.branch.bindings.keys()], [x.id]);
  }
});

test("tasks never share an object", () => {
  for (const value of [{ a: 1 }, [], new Map(), new Date(0), Buffer.alloc(2), new Error("e"), [1, 2, 3]]) {
    const context = new ReceivedContexts().read(
      frame(() => {
        x.set(value);
        y.set("beside it");
      }),
    );
    const [one, other] = [1, 2].map(
      () => ContextExchange.atWorker(context, LOCAL).branch.bindings.get(x.id)?.value,
    );
    assert.deepEqual(one, value);
    assert.notEqual(one, other);
  }
});
