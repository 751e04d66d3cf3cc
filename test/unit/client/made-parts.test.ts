/** Parts that functions make: what is taken for one, and that each is closed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFactory, MadeParts, partOption } from "../../../src/client/made-parts.ts";
import { useWarnings } from "../../support/use-warnings.ts";

interface Part {
  work(): void;
}

const part: Part = { work() {} };

test("partOption tells a function that makes a part from a part, also from one that can be called", () => {
  const make = (): Part => part;
  const callable = Object.assign(() => part, part);

  assert.deepEqual(partOption<Part>(part, "work"), { given: part, make: undefined });
  assert.deepEqual(partOption<Part>(callable, "work"), { given: callable, make: undefined });
  assert.deepEqual(partOption<Part>(make, "work"), { given: undefined, make });
  assert.deepEqual(partOption<Part>(undefined, "work"), { given: undefined, make: undefined });
});

test("assertFactory refuses a class, which cannot be called", () => {
  assert.throws(() => assertFactory("discovery", class {} as never), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "discovery",
  });
  for (const make of [undefined, () => part, async () => part, function make() {}]) assertFactory("it", make);
});

for (const [what, value] of [
  ["nothing", undefined],
  ["a text", "part"],
  ["an object without the method", {}],
] as const) {
  test(`MadeParts refuses ${what} for a part`, async () => {
    const parts = new MadeParts();

    await assert.rejects(
      parts.make<Part>("discovery", () => value as unknown as Part, ["work"]),
      {
        code: "ERR_MERINO_INVALID_OPTION",
        option: "discovery",
        value,
      },
    );
    await parts.close();
  });
}

test("MadeParts closes what it has made once, the last first, by the first way there is", async () => {
  const parts = new MadeParts();
  const log: string[] = [];
  const close = (name: string) => () => void log.push(name);
  const made: readonly object[] = [
    {
      [Symbol.asyncDispose]: close("asyncDispose"),
      close: () => assert.fail(),
      [Symbol.dispose]: () => assert.fail(),
    },
    { close: close("close"), [Symbol.dispose]: () => assert.fail() },
    { [Symbol.dispose]: close("dispose") },
    {},
  ];
  for (const thing of made)
    await parts.make<Part>("discovery", async () => ({ ...part, ...thing }), ["work"]);

  await Promise.all([parts.close(), parts.close()]);

  assert.deepEqual(log, ["dispose", "close", "asyncDispose"]);
});

test("MadeParts closes the others when one fails to close, and says so", async () => {
  using warnings = useWarnings();
  const parts = new MadeParts();
  const log: string[] = [];
  const failing = {
    ...part,
    close() {
      throw new Error("not today");
    },
  };
  await parts.make<Part>("discovery", () => ({ ...part, close: () => void log.push("closed") }), ["work"]);
  await parts.make<Part>("balancer", () => failing, ["work"]);

  await parts.close();
  await new Promise(setImmediate);

  assert.deepEqual(log, ["closed"]);
  assert.deepEqual(warnings.codes, ["MERINO_CLOSE_FAILED"]);
  assert.match(warnings.messages[0] ?? "", /'balancer'.*not today/);
});

test("MadeParts closes a part of another kind, too", async () => {
  const parts = new MadeParts();
  const log: string[] = [];
  const stranger = { close: () => void log.push("closed") };

  await assert.rejects(parts.make<Part>("discovery", () => stranger as unknown as Part, ["work"]));
  await parts.close();

  assert.deepEqual(log, ["closed"]);
});
