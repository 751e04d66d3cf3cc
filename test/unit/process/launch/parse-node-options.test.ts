/** NODE_OPTIONS as Node reads it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatNodeOptions, parseNodeOptions } from "../../../../src/process/launch/parse-node-options.ts";

const TABLE: readonly (readonly [string, readonly string[] | undefined])[] = [
  ["", []],
  ["  --a   --b ", ["--a", "--b"]],
  ['--require "./with space.js"', ["--require", "./with space.js"]],
  ['--require="./with space.js"', ["--require=./with space.js"]],
  ['"--title=say \\"hi\\""', ['--title=say "hi"']],
  ["--title=a\\b", ["--title=a\\b"]],
  ['--title="a\\\\b"', ["--title=a\\b"]],
  ['""', []],
  ['"open', undefined],
  ['"open\\', undefined],
];

for (const [text, expected] of TABLE) {
  test(`parseNodeOptions reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseNodeOptions(text), expected);
  });
}

test("formatNodeOptions is read back as what was written", () => {
  const argument = fc.string({ unit: fc.constantFrom("a", " ", '"', "\\", "-", "="), minLength: 1 });
  fc.assert(
    fc.property(fc.array(argument), (args) => {
      assert.deepEqual(parseNodeOptions(formatNodeOptions(args)), args);
    }),
  );
});
