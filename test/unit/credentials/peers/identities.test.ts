import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { identitiesOf, identitiesOfPeer } from "../../../../src/credentials/peers/identities.ts";
import { createAuthority } from "../../../support/issue-certificate.ts";

const root = createAuthority();

test("identitiesOf gives DNS names, URIs and addresses, each in one form", () => {
  const { certificate } = root.issue({
    name: "alice",
    dns: ["A.Example", "*.jobs.example"],
    uris: ["spiffe://farm/A", "urn:example:a,b"],
    ips: ["10.0.0.1", "::1", "2001:db8:0:0:1::"],
  });

  assert.deepEqual(identitiesOf(certificate), [
    "a.example",
    "*.jobs.example",
    "spiffe://farm/A",
    "urn:example:a,b",
    "10.0.0.1",
    "::1",
    "2001:db8:0:0:1::",
  ]);
});

test("identitiesOf gives the common name of a certificate that has no other name", () => {
  assert.deepEqual(identitiesOf(root.issue({ name: "alice smith" }).certificate), ["alice smith"]);
  assert.deepEqual(identitiesOf(root.issue({ name: "alice", dns: ["a.example"] }).certificate), [
    "a.example",
  ]);
  // A name that is left out is a name all the same.
  assert.deepEqual(identitiesOf(root.issue({ name: "alice", dns: ["not a name"] }).certificate), []);
});

test("identitiesOf leaves out names that could be taken for another kind", () => {
  for (const name of [
    "spiffe://farm/a",
    "10.0.0.1",
    "::1",
    "*.example",
    "*",
    "a\nb",
    "a, DNS:b",
    "0x7f",
    "",
  ]) {
    assert.deepEqual(identitiesOf(root.issue({ name }).certificate), [], name);
  }
  for (const dns of [
    "spiffe://farm/a",
    "10.0.0.1",
    "1",
    "a.0x1f",
    "a..b",
    "a.",
    ".a",
    "*",
    "a.*.b",
    "a\0.b",
    "é.b",
    "",
  ]) {
    assert.deepEqual(identitiesOf(root.issue({ dns: [dns] }).certificate), [], dns);
  }
  for (const uri of [
    "a.example",
    "10.0.0.1",
    "fe80::1",
    "a:b c",
    "spiffe://farm/a\n",
    "spiffe://farm/\0",
    "http:",
  ]) {
    assert.deepEqual(identitiesOf(root.issue({ uris: [uri] }).certificate), [], uri);
  }
});

test("identitiesOf takes apart what looks like several names only where there are several", () => {
  const tricks = [
    "a.example, DNS:victim.example",
    'a.example", DNS:"victim.example',
    "a.example\\u002c DNS:victim.example",
    "a.example,DNS:victim.example",
  ];
  for (const trick of tricks) {
    assert.deepEqual(identitiesOf(root.issue({ dns: [trick] }).certificate), [], trick);
    const uri = identitiesOf(root.issue({ uris: [`x:${trick}`] }).certificate);
    assert.ok(uri.length === 0 || uri[0] === `x:${trick}`, trick);
  }
});

test("identitiesOf finds exactly the names that were put in, whatever is beside them", () => {
  const junk = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(fc.array(junk, { maxLength: 3 }), fc.array(junk, { maxLength: 3 }), (dns, uris) => {
      const { certificate } = root.issue({
        dns: [...dns, "real.example"],
        uris: [...uris, "spiffe://farm/real"],
      });
      const allowed = new Set([
        "real.example",
        "spiffe://farm/real",
        ...dns.map((name) => name.toLowerCase()),
        ...uris,
      ]);

      const found = identitiesOf(certificate);

      assert.ok(found.includes("real.example") && found.includes("spiffe://farm/real"));
      assert.deepEqual(
        found.filter((identity) => !allowed.has(identity)),
        [],
      );
    }),
    { numRuns: 200 },
  );
});

test("identitiesOfPeer takes nothing from text that is not of Node's form", () => {
  const subject = { CN: "alice" } as never;
  for (const subjectaltname of [
    "DNS",
    "DNS:a.example,",
    "DNS:a.example, ",
    'DNS:"a.example',
    'DNS:"a.example"x',
    'DNS:"\\x41"',
    "DNS:a,DNS:b",
    "DNS:a\\b",
  ]) {
    assert.deepEqual(identitiesOfPeer({ subjectaltname, subject }), [], subjectaltname);
  }
  assert.deepEqual(identitiesOfPeer({ subjectaltname: "DNS:a.example, email:b, URI:x:y", subject }), [
    "a.example",
    "x:y",
  ]);
  assert.deepEqual(identitiesOfPeer({ subjectaltname: "email:alice@example", subject }), ["alice"]);
  assert.deepEqual(identitiesOfPeer({ subject: { CN: ["alice", "bob"] } as never }), []);
  assert.deepEqual(identitiesOfPeer({}), []);
});
