/** What was thrown, in words: whatever it is, and without throwing in turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { asError, errorText } from "../../../src/internal/error-text.ts";

function wordless(errors?: readonly unknown[]): Error {
  const error =
    errors === undefined ? new Error("to be removed") : new AggregateError(errors, "to be removed");
  return Object.assign(error, { message: "" });
}

const UNPRINTABLE = Object.create(null);

const CASES: readonly (readonly [what: string, thrown: unknown, text: string])[] = [
  ["an error", new TypeError("no such file"), "no such file"],
  ["an error of another realm", runInNewContext("new Error('from elsewhere')"), "from elsewhere"],
  ["an error without a message", wordless(), ""],
  ["a string", "no", "no"],
  ["nothing", undefined, "undefined"],
  ["a symbol", Symbol("why"), "Symbol(why)"],
  ["an object without a prototype", UNPRINTABLE, "something that cannot be shown as text"],
  [
    "an error whose message cannot be read",
    Object.defineProperty(new Error("hidden"), "message", {
      get() {
        throw new Error("not for you");
      },
    }),
    "something that cannot be shown as text",
  ],
  ["several errors in one that says nothing", wordless([new Error("a"), "b"]), "a; b"],
  [
    "several errors in one that speaks for them",
    new AggregateError([new Error("a")], "all failed"),
    "all failed",
  ],
];

for (const [what, thrown, text] of CASES) {
  test(`errorText turns ${what} into words`, () => {
    assert.equal(errorText(thrown), text);
  });
}

test("asError keeps an error, whatever its realm, and makes anything else the cause of one", () => {
  const error = new TypeError("mine");
  const foreign: unknown = runInNewContext("new RangeError('theirs')");

  const made = asError(UNPRINTABLE);

  assert.equal(asError(error), error);
  assert.equal(asError(foreign), foreign);
  assert.deepEqual([made.message, made.cause], ["something that cannot be shown as text", UNPRINTABLE]);
});
