/** Where a syntax error in a module stands, which an import does not say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeSyntaxError } from "../../../../src/host/modules/syntax-error-place.ts";
import { temporaryPackage } from "../../../support/temporary-package.ts";

async function thrownBy(url: string): Promise<Error> {
  return import(url).then(
    () => assert.fail("it can be imported"),
    (error: Error) => error,
  );
}

test("placeSyntaxError puts file and line above the stack of a syntax error in an ES module", async () => {
  using fixtures = temporaryPackage({ "jobs.mjs": "export const a = 1;\nconst = 2;\n" });
  const url = fixtures.url("jobs.mjs");
  const error = await thrownBy(url);

  await placeSyntaxError(error, url);
  await placeSyntaxError(error, url);

  assert.match(error.stack ?? "", /^\S*jobs\.mjs:2\nconst = 2;\n +\^+\n[\s\S]*SyntaxError: /);
  assert.equal(error.stack?.match(/jobs\.mjs:2/g)?.length, 1);
});

test("placeSyntaxError leaves alone what has a place, what is no syntax error, and what stands elsewhere", async () => {
  using fixtures = temporaryPackage({
    "throws.mjs": 'throw new SyntaxError("of its own");',
    "other.mjs": 'throw new TypeError("no");',
    "deep.mjs": 'import "./bad.mjs";',
    "bad.mjs": "const = 2;",
    "link.mjs": 'import { nothing } from "./empty.mjs";',
    "empty.mjs": "export const something = 1;",
  });

  for (const file of ["throws.mjs", "other.mjs", "deep.mjs", "link.mjs"]) {
    const error = await thrownBy(fixtures.url(file));
    const before = error.stack;

    await placeSyntaxError(error, fixtures.url(file));

    assert.equal(error.stack, before, file);
  }
  await placeSyntaxError("no error at all", fixtures.url("bad.mjs"));
});
