/** Every awkward value arrives as itself or is refused where the table says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertSame } from "./assert-same.ts";
import { AWKWARD_VALUES } from "./awkward-values.ts";
import { receive, roundTrip, send } from "./support.ts";

test("the table of awkward values has at least 115 rows with names of their own", () => {
  const names = new Set(AWKWARD_VALUES.map(({ name }) => name));

  assert.ok(AWKWARD_VALUES.length >= 115);
  assert.equal(names.size, AWKWARD_VALUES.length);
});

for (const { name, make, refusedAt, arrives } of AWKWARD_VALUES) {
  if (refusedAt === undefined) {
    test(`the codec delivers: ${name}`, () => {
      const value = make();

      const arrived = roundTrip(value);

      assertSame(arrived, arrives === undefined ? value : arrives(value));
    });
    test(`the codec delivers among others: ${name}`, () => {
      const value = make();

      const arrived = receive(send([1, value, { value }], "args")) as unknown[];

      const expected = arrives === undefined ? value : arrives(value);
      assertSame(arrived, [1, expected, { value: expected }]);
    });
  } else {
    test(`the codec refuses with the path: ${name}`, () => {
      const value = make();

      assert.throws(() => send([0, value], "args"), {
        code: "ERR_MERINO_NOT_SERIALIZABLE",
        path: `args[1]${refusedAt}`,
      });
    });
  }
}
