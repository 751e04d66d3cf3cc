/** The text of identities: what it says, and what it may not say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  assertIdentity,
  formatIdentity,
  identityFault,
  MAX_IDENTITY_LENGTH,
  parseIdentity,
} from "../../../src/identity/identity.ts";

const REFUSED = [
  "",
  "#",
  "#name",
  "thumbs/src/jobs.ts#",
  "thumbs/src/jobs.ts# ",
  "thumbs//jobs.ts#a",
  "thumbs/src/#a",
  "thumbs/../secret.ts#a",
  "../thumbs/jobs.ts#a",
  "thumbs/./jobs.ts#a",
  "thumbs/..#a",
  "thumbs/%2e%2E/jobs.ts#a",
  "thumbs/a%2fb.ts#a",
  "/etc/passwd#a",
  "C:/windows/jobs.ts#a",
  "C:\\windows#a",
  "thumbs\\jobs.ts#a",
  "thumbs/jobs.ts#a\\b",
  "file:///srv/jobs.ts#a",
  "https://host/jobs.ts#a",
  "data:text/javascript,1#a",
  "node:fs#readFile",
  "NODE:fs#readFile",
  "thumbs/jobs.ts#a\0",
  "thumbs/jo\nbs.ts#a",
  "thumbs/jobs.ts#a\u2028",
  "thumbs/jobs.ts#\u0085",
  "thumbs/\ud800.ts#a",
  `thumbs/${"a".repeat(MAX_IDENTITY_LENGTH)}.ts#a`,
];

for (const text of REFUSED) {
  test(`assertIdentity refuses ${JSON.stringify(text).slice(0, 40)}`, () => {
    assert.throws(() => assertIdentity(text), { code: "ERR_MERINO_ROUTINE_DECLARATION" });
    assert.equal(parseIdentity(text), undefined);
  });
}

const ACCEPTED = [
  "thumbs/src/jobs.ts#resize",
  "@scope/thumbs/src/jobs.ts#Image.resize",
  "thumbs/100%.ts#a",
  "thumbs/..a/b..ts#a",
  "thumbs/with space/é?.ts#größe",
  "thumbs/a#b/jobs.ts#c",
  "~/srv/jobs.ts#a",
];

for (const text of ACCEPTED) {
  test(`parseIdentity takes '${text}' apart at the last '#'`, () => {
    const identity = parseIdentity(text);

    assert.equal(identity && formatIdentity(identity.module, identity.name), text);
  });
}

test("assertIdentity accepts an identity of its own without a module", () => {
  assertIdentity("billing.charge");

  assert.equal(parseIdentity("billing.charge"), undefined);
});

test("formatIdentity refuses a name that contains '#'", () => {
  assert.throws(() => formatIdentity("thumbs/jobs.ts", "a#b"), { code: "ERR_MERINO_ROUTINE_DECLARATION" });
});

test("parseIdentity reverses formatIdentity wherever that accepts its parts", () => {
  const part = fc.string({ unit: "binary", maxLength: 20 });
  fc.assert(
    fc.property(part, part, (module, name) => {
      let text: string;
      try {
        text = formatIdentity(module, name);
      } catch {
        return;
      }
      assert.deepEqual(parseIdentity(text), { module, name });
    }),
  );
});

test("identityFault finds every climbing segment wherever it stands", () => {
  const segment = fc.stringMatching(/^[a-z]{1,5}$/);
  fc.assert(
    fc.property(
      fc.array(segment),
      fc.constantFrom(".", "..", "%2e."),
      fc.array(segment),
      (before, bad, after) => {
        assert.notEqual(identityFault(`${[...before, bad, ...after].join("/")}#name`), undefined);
      },
    ),
  );
});

test("assertIdentity does not repeat control characters in its message", () => {
  assert.throws(
    () => assertIdentity("a\u001b[2J#b"),
    (error: Error) => !error.message.includes("\u001b"),
  );
});
