/** Which identities count as the same module's, and which texts are no mapping. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { mappedIdentities, parseIdentityMapping } from "../../../../src/host/modules/identity-map.ts";
import { identityFault } from "../../../../src/identity/identity.ts";

const DIST = [parseIdentityMapping("dist=src")];

test("mappedIdentities finds the build of a source module, and the source of a built one", () => {
  const built = mappedIdentities("thumbs/src/deep/jobs.ts#resize", DIST);
  const source = mappedIdentities("thumbs/dist/deep/jobs.js#resize", DIST);

  assert.ok(built.includes("thumbs/dist/deep/jobs.js#resize"));
  assert.ok(source.includes("thumbs/src/deep/jobs.ts#resize"));
});

test("mappedIdentities equates the extensions of one module system only", () => {
  const found = mappedIdentities("thumbs/src/jobs.mts#resize", DIST);

  assert.deepEqual([...found].sort(), ["thumbs/dist/jobs.mjs#resize", "thumbs/dist/jobs.mts#resize"]);
});

test("mappedIdentities counts the two segments of a scoped package as its name", () => {
  const found = mappedIdentities("@acme/src/src/jobs.js#resize", DIST);

  assert.equal(found[0], "@acme/src/dist/jobs.js#resize");
});

test("mappedIdentities maps the root of a package", () => {
  const mappings = [parseIdentityMapping(".=src")];

  assert.equal(mappedIdentities("thumbs/src/jobs.js#resize", mappings)[0], "thumbs/jobs.js#resize");
  assert.equal(mappedIdentities("thumbs/jobs.js#resize", mappings)[0], "thumbs/src/jobs.js#resize");
});

for (const id of ["thumbs/lib/jobs.js#resize", "thumbs/srcs/jobs.js#resize", "thumbs/src#resize", "resize"]) {
  test(`mappedIdentities finds nothing for '${id}'`, () => {
    assert.deepEqual(mappedIdentities(id, DIST), []);
  });
}

test("mappedIdentities makes only identities that could have been declared", () => {
  const segment = fc.stringMatching(/^[a-z.%\\#/@:-]{0,6}$/);
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
      const id = `thumbs/src/${segments.join("/")}#name`;
      for (const mapped of mappedIdentities(id, DIST)) assert.equal(identityFault(mapped), undefined, mapped);
    }),
  );
});

test("parseIdentityMapping takes slashes at the end and a '../' at the start", () => {
  assert.deepEqual(parseIdentityMapping("./build/js/=src/"), { from: "build/js", to: "src" });
});

for (const text of [
  "",
  "dist",
  "dist=",
  "=src",
  "dist=src=lib",
  "dist=dist",
  "../dist=src",
  "/dist=src",
  "a//b=c",
]) {
  test(`parseIdentityMapping refuses '${text}'`, () => {
    assert.throws(
      () => parseIdentityMapping(text),
      (error) => error instanceof InvalidOptionError && error.option === "map",
    );
  });
}
