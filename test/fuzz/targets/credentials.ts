/** Names in certificates as Node writes them, patterns of names as people do, and PEM. */

import { parseCertificates, parsePrivateKey } from "../../../src/credentials/material/pem.ts";
import { identitiesOfPeer, kindOfIdentity } from "../../../src/credentials/peers/identities.ts";
import { identityMatcher } from "../../../src/credentials/peers/identity-pattern.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import { expectCodes, type FuzzTarget } from "../target.ts";

const NAMES = [
  "DNS:",
  "URI:",
  "IP Address:",
  "othername:",
  "email:",
  "DirName:",
  ", ",
  ",",
  ":",
  '"',
  '\\"',
  "\\u002c",
  "\\u0000",
  "a.example",
  "*.jobs.example",
  "spiffe://farm/a",
  "10.0.0.1",
  "0:0:0:0:0:0:0:1",
  "FE80::1%lo",
  "<invalid>",
];
const PATTERNS = [
  "*",
  "*.",
  ".",
  "/*",
  "://",
  "spiffe",
  "farm",
  "a",
  "example",
  "10.0.0.1",
  "::",
  "-",
  "%",
  " ",
];

/** Fixed, so that a seed makes the same inputs again. The key is good for nothing else. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBzDCCAXGgAwIBAgIQfkyghNvQaRuqA+H5yTnj6DAKBggqhkjOPQQDAjAUMRIw
EAYDVQQDDAl0ZXN0IHJvb3QwIBcNMjYxMTI4MDU1NzI3WhgPMjEyMjA5MjcwNTU3
MjdaMA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR1
Ml2j/4mxMfDr9OyKzHH4MkBOKKxJJlxSMSm12OZyZel6E/4fIqeNzNFjfAScQhsx
bjufsTP65nOXQf8RPOvAo4GnMIGkMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQD
AgeAMB0GA1UdDgQWBBQlm5+mgBxGrCDNT17jKTOq0RJ9RDAfBgNVHSMEGDAWgBSY
XvlFdoJnw6wzT/rKJ4vtlpWLwjAdBgNVHSUEFjAUBggrBgEFBQcDAQYIKwYBBQUH
AwIwJQYDVR0RBB4wHIIJYS5leGFtcGxlhg9zcGlmZmU6Ly9mYXJtL2EwCgYIKoZI
zj0EAwIDSQAwRgIhAKc8sKLxBRAJfqdhLVJ9D+pw5lAISYgOhNtBxRevd28yAiEA
gq0eSfkdQ8xpUi0xkToy7HLJhWHGwmun2fx4dMzIu4A=
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVFBYWUGfafGaA5Bi
GhFtb5K4fVqewnKqHm4xPWLk2cGhRANCAAR1Ml2j/4mxMfDr9OyKzHH4MkBOKKxJ
JlxSMSm12OZyZel6E/4fIqeNzNFjfAScQhsxbjufsTP65nOXQf8RPOvA
-----END PRIVATE KEY-----
`;
const PEM = [CERTIFICATE, KEY, CERTIFICATE + CERTIFICATE, KEY + CERTIFICATE];

export const credentials: FuzzTarget = {
  name: "credentials",
  share: 2,
  make(random) {
    if (random.oneIn(10)) {
      return mutate(Buffer.from(random.pick(PEM), "latin1"), random);
    }
    return mutate(Buffer.from(words(random, 12), "latin1"), random);
  },
  makeLarge: (random) =>
    Buffer.from(words(random, 12).repeat(20_000).slice(0, 65_536).padEnd(65_536, "a"), "latin1"),
  run(input) {
    const text = Buffer.from(input).toString("latin1");
    const identities = identitiesOfPeer({ subjectaltname: text, subject: { CN: text } as never });
    for (const identity of identities.slice(0, 20)) {
      if (!/^[\x20-\x7e]+$/.test(identity)) throw new Error(`It is an identity: ${JSON.stringify(identity)}`);
      // What a certificate says, a pattern can name, but for URIs in which '*' is a character like others.
      if (kindOfIdentity(identity) === "uri" && identity.includes("*")) continue;
      if (!identityMatcher([identity]).matches([identity]))
        throw new Error(`'${identity}' does not fit itself`);
    }
    expecting("ERR_MERINO_INVALID_OPTION", () =>
      identityMatcher([text]).matches([...identities.slice(0, 20), text]),
    );
    if (!text.includes("-----BEGIN")) return;
    expecting("ERR_MERINO_CREDENTIALS", () => parseCertificates(text, "input"));
    expecting("ERR_MERINO_CREDENTIALS", () => parsePrivateKey(text, "input", undefined));
  },
};

function words(random: Random, most: number): string {
  const from = random.oneIn(2) ? NAMES : PATTERNS;
  return Array.from({ length: 1 + random.small(most) }, () => random.pick(from)).join("");
}

function expecting(code: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    expectCodes(error, code);
  }
}
