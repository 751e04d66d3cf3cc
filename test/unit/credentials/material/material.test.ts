import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { checkMaterial, type GivenMaterial } from "../../../../src/credentials/material/material.ts";
import type { TrustMaterial, TrustPolicy } from "../../../../src/credentials/trust.ts";
import type { CredentialsError, CredentialsFault } from "../../../../src/errors/credentials-error.ts";
import { createAuthority, issueSelfSigned } from "../../../support/issue-certificate.ts";

const SOURCES = { ca: "the ca", cert: "the cert", key: "the key" };
const DAY_MS = 86_400_000;
const root = createAuthority();

test("checkMaterial takes a key, its certificate and the authority, and says who it is and until when", () => {
  const { ca, cert, key, certificate } = root.issue({ dns: ["a.example"], uris: ["spiffe://farm/a"] });

  const material = check({ ca, cert, key });

  assert.deepEqual(material.identities, ["a.example", "spiffe://farm/a"]);
  assert.equal(material.endsAtMs, Date.parse(certificate.validTo));
  assert.deepEqual([material.ca, material.cert, material.key], [ca, cert, key]);
});

test("checkMaterial takes bytes, RSA keys, comments around PEM, and Windows line ends", () => {
  const { ca, cert, key } = createAuthority({ keyType: "rsa" }).issue({ keyType: "rsa", dns: ["a.example"] });
  const commented = `Bag Attributes: none\r\n${cert.replaceAll("\n", "\r\n")}the end`;

  const material = check({ ca: Buffer.from(ca), cert: Buffer.from(commented), key: Buffer.from(key) });

  assert.deepEqual([material.cert, material.key], [cert, key]);
});

test("checkMaterial decrypts a key with its passphrase, and keeps it decrypted", () => {
  const { ca, cert, key } = root.issue();
  for (const format of ["pkcs8", "sec1"] as const) {
    const encrypted = createPrivateKey(key).export({
      type: format,
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "open sesame",
    });

    assert.equal(check({ ca, cert, key: encrypted, passphrase: "open sesame" }).key, key);
    assertFault("passphrase", "the key", { ca, cert, key: encrypted });
    assertFault("passphrase", "the key", { ca, cert, key: encrypted, passphrase: "wrong" });
  }
});

test("checkMaterial follows authorities in between, in any order, in either file", () => {
  const lower = root.intermediate().intermediate();
  const { ca, cert, key } = lower.issue();
  const [leaf = "", near = "", far = ""] = cert.split(/(?<=END CERTIFICATE-----\n)/);

  assert.equal(check({ ca, cert, key }).cert, cert);
  assert.ok(check({ ca, cert: leaf + far + near, key }));
  assert.ok(check({ ca: ca + near + far, cert: leaf, key }));
  assertFault("untrusted", "the cert", { ca, cert: leaf + far, key });
  // Like OpenSSL, which ends only at one that has signed itself.
  assertFault("untrusted", "the cert", { ca: far, cert: leaf + near, key });
});

test("checkMaterial ends with the first certificate on the path", () => {
  const soon = root.intermediate({ days: 5 });
  const { ca, cert, key } = soon.issue({ days: 30 });

  const { endsAtMs = 0 } = check({ ca, cert, key });

  assert.equal(endsAtMs, Date.parse(soon.certificate.validTo));
});

test("checkMaterial takes either of two roots of one name, and one that was renewed with its key", () => {
  const other = createAuthority();
  const { cert, key } = root.issue();

  assert.ok(check({ ca: other.ca + root.ca, cert, key }));
  assert.ok(check({ ca: root.ca + other.ca, cert, key }));
  assertFault("untrusted", "the cert", { ca: other.ca, cert, key });
});

test("checkMaterial refuses what is over, and what is to come", () => {
  const given = root.issue({ fromDays: -1, days: 1 });
  const early = root.issue({ fromDays: 2, days: 9 });

  assertFault("expired", "the cert", root.issue({ days: -1 }));
  assertFault("not-yet-valid", "the cert", early);
  assert.ok(check(given, { mutual: true }, Date.now() + DAY_MS / 2));
  assertFault("expired", "the cert", given, { mutual: true }, Date.now() + 2 * DAY_MS);
  assert.ok(check(early, { mutual: true }, Date.now() + 3 * DAY_MS));
});

test("checkMaterial names the authority whose certificate is over", () => {
  const old = createAuthority({ days: -1 });
  const middle = root.intermediate({ days: -1 });

  assertFault("expired", "the ca", old.issue({ days: 9 }));
  assertFault("expired", "the cert", middle.issue({ days: 9 }));
});

test("checkMaterial refuses a key that is another's, self-signed certificates, and signers that are no authorities", () => {
  const { ca, cert, key } = root.issue();
  const self = issueSelfSigned({ name: "test root" });

  assertFault("mismatch", "the key", { ca, cert, key: root.issue().key });
  assertFault("untrusted", "the cert", { ca, cert: self.cert, key: self.key });
  assert.ok(check(self)); // whoever trusts it as it is may use it
  assertFault("mismatch", "the key", { ca, cert: ca + cert, key }); // in the wrong order
});

test("checkMaterial refuses a certificate that is for neither side of TLS", () => {
  assertFault("usage", "the cert", root.issue({ usages: [] }));
  assert.ok(check(root.issue({ usages: ["server"] })));
  assert.ok(check(root.issue({ usages: undefined })));
});

test("checkMaterial refuses an identity that is none of the certificate's", () => {
  const given = root.issue({ dns: ["*.jobs.example", "a.example"], uris: ["spiffe://farm/a"], ips: ["::1"] });

  for (const identity of ["a.example", "b.jobs.example", "spiffe://farm/a", "::1"]) {
    assert.ok(check(given, { mutual: true, identity }));
  }
  for (const identity of [
    "b.example",
    "jobs.example",
    "a.b.jobs.example",
    "spiffe://farm/b",
    "::2",
    "test",
  ]) {
    assertFault("identity", "the cert", given, { mutual: true, identity });
  }
});

test("checkMaterial refuses every beginning of a file that is being written", () => {
  const { ca, cert, key } = root.intermediate().issue();
  for (const [part, text] of Object.entries({ ca, cert, key })) {
    for (let length = 0; length < text.trimEnd().length; length += 7) {
      assert.throws(
        () => check({ ca, cert, key, [part]: text.slice(0, length) }),
        { code: "ERR_MERINO_CREDENTIALS" },
        `${part} to ${length}`,
      );
    }
  }
});

test("checkMaterial never quotes a key", () => {
  const { ca, cert, key } = root.issue();
  const secret = key.split("\n")[1] ?? "";
  const broken = [
    { ca, cert: key, key },
    { ca: key, cert, key },
    { ca, cert, key: key.replace(secret.slice(0, 4), "****") },
    { ca, cert, key: `${key}${key}`.slice(0, 150) },
  ];
  for (const given of broken) {
    assert.throws(
      () => check(given),
      (error: CredentialsError) => {
        assert.doesNotMatch(
          `${error.stack}${JSON.stringify(error)}`,
          new RegExp(secret.slice(8, 24).replaceAll("+", "\\+")),
        );
        return true;
      },
    );
  }
});

test("checkMaterial needs no certificate of a caller of one-way TLS, and no authority of a worker", () => {
  const { ca, cert, key, certificate } = root.issue();
  const oneWay = { mutual: false };

  assert.deepEqual(check({}, oneWay), { ca: undefined, identities: [], endsAtMs: undefined });
  assert.deepEqual(check({ ca }, oneWay).endsAtMs, Date.parse(root.certificate.validTo));
  assert.deepEqual(check({ cert, key }, oneWay).endsAtMs, Date.parse(certificate.validTo));
  assertFault("expired", "the ca", { ca: createAuthority({ days: -2 }).ca }, oneWay);
  assertFault("expired", "the cert", { ...root.issue({ days: -1 }), ca: undefined }, oneWay);
});

function check(
  given: GivenMaterial,
  policy: TrustPolicy = { mutual: true },
  nowMs = Date.now(),
): TrustMaterial {
  return checkMaterial(given, policy, SOURCES, nowMs);
}

function assertFault(
  reason: CredentialsFault,
  source: string,
  given: GivenMaterial,
  policy?: TrustPolicy,
  nowMs?: number,
): void {
  assert.throws(() => check(given, policy, nowMs), { code: "ERR_MERINO_CREDENTIALS", reason, source });
}
