import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { identityMatcher } from "../../../../src/credentials/peers/identity-pattern.ts";

test("identityMatcher fits names exactly, and names of hosts and addresses in any spelling", () => {
  assertFits(
    "worker-1.example",
    ["worker-1.example", "WORKER-1.Example"],
    ["worker-2.example", "worker-1.example.org"],
  );
  assertFits("Worker-1.EXAMPLE", ["worker-1.example"], []);
  assertFits(
    "spiffe://farm/a",
    ["spiffe://farm/a"],
    ["spiffe://farm/A", "spiffe://farm/a/", "spiffe://Farm/a", "a"],
  );
  assertFits("urn:example:a", ["urn:example:a"], ["urn:example:b"]);
  assertFits("0:0::1", ["::1"], ["::2", "1"]);
  assertFits("10.0.0.1", ["10.0.0.1"], ["10.0.0.10"]);
  assertFits("alice smith", ["Alice Smith"], ["alice"]);
});

test("identityMatcher takes '*' for one label of a host's name", () => {
  assertFits(
    "*.jobs.example",
    ["a.jobs.example", "A.Jobs.example", "*.jobs.example"],
    [
      "jobs.example",
      "a.b.jobs.example",
      ".jobs.example",
      "ajobs.example",
      "x://a.jobs.example",
      "a b.jobs.example",
    ],
  );
});

test("identityMatcher takes '*' for the rest of a URI's path", () => {
  assertFits(
    "spiffe://farm/*",
    ["spiffe://farm/a", "spiffe://farm/a/b"],
    ["spiffe://farm/", "spiffe://farm", "spiffe://farm.evil/a", "SPIFFE://farm/a", "farm/a", "a"],
  );
  assertFits("spiffe://farm/api/*", ["spiffe://farm/api/x"], ["spiffe://farm/api", "spiffe://farm/apix"]);
});

test("identityMatcher takes '*' alone for anybody who has an identity", () => {
  assertFits("*", ["a", "spiffe://farm/a", "::1"], []);
  assert.equal(identityMatcher(["*"]).matches([]), false);
});

test("identityMatcher fits if one of several patterns fits one of several identities", () => {
  const matcher = identityMatcher(["a.example", "spiffe://farm/*"]);

  assert.equal(matcher.matches(["x", "spiffe://farm/a"]), true);
  assert.equal(matcher.matches(["x", "a.example"]), true);
  assert.equal(matcher.matches(["x", "y"]), false);
  assert.equal(matcher.matches([]), false);
});

test("identityMatcher refuses patterns that could never fit, or that say less than they seem to", () => {
  const bad: unknown[] = [
    "",
    " ",
    "a.*.b",
    "a*.example",
    "*a.example",
    "*.",
    "**",
    "spiffe://*",
    "spiffe://*/a",
  ];
  bad.push(
    "spiffe://farm*",
    "spiffe://farm/*/a",
    "spiffe://farm/a*",
    "spiffe:/*",
    "é.example",
    "a,b",
    "a\n",
    "a/b",
  );
  bad.push("x".repeat(3_000), "*.10.0.0.1", undefined, 1, null, {}, "spiffe://farm/a b");
  for (const pattern of bad) {
    assert.throws(
      () => identityMatcher(["fine.example", pattern as string], "allow"),
      { code: "ERR_MERINO_INVALID_OPTION", option: "allow" },
      String(pattern),
    );
  }
});

test("identityMatcher never fits identities of another kind", () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  fc.assert(
    fc.property(label, label, label, (a, b, c) => {
      const names = identityMatcher([`*.${b}`, `${a}.${b}`, a]);
      const uris = identityMatcher([`${a}://${b}/*`, `${a}://${b}/${c}`]);

      assert.equal(names.matches([`${a}://${a}.${b}`, `${a}://${b}/${c}`, `${a}:${b}`]), false);
      assert.equal(uris.matches([a, b, `${a}.${b}`, `${b}/${c}`]), false);
      assert.equal(uris.matches([`${a}://${b}/${c}`]), true);
    }),
  );
});

test("identityMatcher fits what it was made of, and what goes on from there", () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}[a-z0-9]$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 2, maxLength: 5 }), label, (labels, extra) => {
      const name = labels.join(".");
      const path = labels.join("/");

      assert.ok(identityMatcher([name]).matches([name.toUpperCase()]));
      assert.ok(identityMatcher([`*.${name}`]).matches([`${extra}.${name}`]));
      assert.ok(!identityMatcher([`*.${name}`]).matches([`${extra}.${extra}.${name}`]));
      assert.ok(identityMatcher([`spiffe://${path}/*`]).matches([`spiffe://${path}/${extra}/${extra}`]));
      assert.ok(!identityMatcher([`spiffe://${path}/*`]).matches([`spiffe://${path}${extra}/${extra}`]));
    }),
  );
});

function assertFits(pattern: string, fitting: readonly string[], others: readonly string[]): void {
  const matcher = identityMatcher([pattern]);
  for (const identity of fitting) assert.equal(matcher.matches([identity]), true, `${pattern} ${identity}`);
  for (const identity of others) assert.equal(matcher.matches([identity]), false, `${pattern} ${identity}`);
}
