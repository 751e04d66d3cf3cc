import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { WorkerCredentials } from "../../../src/credentials/worker-credentials.ts";
import type { CredentialsPem } from "../../../src/credentials/worker-credentials-options.ts";
import { createAuthority, writeCertificate } from "../../support/issue-certificate.ts";
import { useWarnings } from "../../support/use-warnings.ts";

const root = createAuthority();
const given = root.issue({ dns: ["a.example"], uris: ["spiffe://farm/a"] });
const pem = { ca: given.ca, cert: given.cert, key: given.key };
const secret = given.key.split("\n")[1] ?? "";

test("WorkerCredentials.fromPem gives what it was given, and says who it is", async () => {
  const credentials = WorkerCredentials.fromPem({ ...pem, identity: "A.example", peers: "*.jobs.example" });

  const material = await credentials.trust.current();

  assert.deepEqual([material.ca, material.cert, material.key], [given.ca, given.cert, given.key]);
  assert.deepEqual(credentials.trust.policy, {
    mutual: true,
    identity: "a.example",
    peers: ["*.jobs.example"],
  });
  assert.deepEqual(credentials.identities, ["a.example", "spiffe://farm/a"]);
  assert.equal(credentials.endsAt?.getTime(), Date.parse(given.certificate.validTo));
  assert.notEqual(credentials.trust.key, WorkerCredentials.fromPem(pem).trust.key);
});

test("WorkerCredentials.fromFiles reads paths and URLs, and names the file that it cannot use", async () => {
  using folder = temporaryFolder();
  const files = writeCertificate(folder.path, given);

  const credentials = WorkerCredentials.fromFiles({ ...files, key: pathToFileURL(files.key) });

  assert.equal((await credentials.trust.current()).key, given.key);
  const absent = path.join(folder.path, "absent.pem");
  assert.throws(() => WorkerCredentials.fromFiles({ ...files, cert: absent }), {
    code: "ERR_MERINO_CREDENTIALS",
    reason: "unreadable",
    source: `file '${absent}'`,
  });
  assert.throws(() => WorkerCredentials.fromFiles({ ...files, key: files.cert }), {
    reason: "malformed",
    source: `file '${files.cert}'`,
  });
  assert.throws(() => WorkerCredentials.fromFiles({ ...files, cert: folder.path }), { reason: "unreadable" });
});

test("WorkerCredentials takes only options that have an effect", () => {
  const { ca, cert, key } = pem;
  const refused: readonly [string, unknown][] = [
    ["ca", { cert, key }],
    ["cert", { ca, key }],
    ["key", { ca, cert }],
    ["cert", { mutual: false, key }],
    ["key", { mutual: false, cert }],
    ["identity", { mutual: false, ca, identity: "a.example" }],
    ["identity", { ...pem, identity: "*.example" }],
    ["identity", { ...pem, identity: "" }],
    ["passphrase", { mutual: false, ca, passphrase: "x" }],
    ["passphrase", { ...pem, passphrase: 1 }],
    ["mutual", { ...pem, mutual: 1 }],
    ["peers", { ...pem, peers: [] }],
    ["peers", { ...pem, peers: ["a*b"] }],
    ["peers", { ...pem, peers: {} }],
    ["ca", { ...pem, ca: 1 }],
    ["key", { ...pem, key: {} }],
    ["options", undefined],
    ["certificate", { ...pem, certificate: cert }],
  ];
  for (const [option, options] of refused) {
    assert.throws(
      () => WorkerCredentials.fromPem(options as CredentialsPem),
      { code: "ERR_MERINO_INVALID_OPTION", option },
      option,
    );
  }
});

test("WorkerCredentials without mutual need nothing, an authority, or a certificate with its key", async () => {
  const { ca, cert, key } = pem;
  for (const options of [{}, { ca }, { cert, key }, { ca, cert, key }, { ca, peers: "a.example" }]) {
    const credentials = WorkerCredentials.fromPem({ mutual: false, ...options });

    assert.equal(credentials.mutual, false);
    assert.equal((await credentials.trust.current()).cert, (options as CredentialsPem).cert);
  }
});

test("WorkerCredentials show nothing of their key, and cannot be cloned", () => {
  for (const credentials of [
    WorkerCredentials.fromPem(pem),
    WorkerCredentials.fromPem({ ...pem, peers: () => true }),
    WorkerCredentials.provider(() => pem),
  ]) {
    const shown = [
      inspect(credentials),
      inspect({ credentials }, { depth: 9, showHidden: true }),
      inspect(credentials, { depth: 9, showHidden: true, customInspect: false }),
      JSON.stringify({ credentials }),
      String(credentials),
    ].join("\n");

    assert.ok(!shown.includes(secret.slice(0, 20)) && !shown.includes("PRIVATE"), shown);
    assert.throws(() => structuredClone(credentials), { name: "DataCloneError" });
    assert.throws(() => structuredClone({ trust: credentials.trust }), { name: "DataCloneError" });
  }
  assert.match(
    inspect(WorkerCredentials.fromPem(pem)),
    /mutual: true,\s+identities: \[ 'a.example', 'spiffe:\/\/farm\/a' \]/,
  );
});

test("WorkerCredentials refuse to be used after their end", async () => {
  const endsAtMs = (Math.floor(Date.now() / 1_000) + 1) * 1_000;
  const ending = root.issue({ endsAtMs });
  const credentials = WorkerCredentials.fromPem({ ca: ending.ca, cert: ending.cert, key: ending.key });
  const { now } = Date;
  try {
    Date.now = () => endsAtMs;

    await assert.rejects(credentials.trust.current(), { code: "ERR_MERINO_CREDENTIALS", reason: "expired" });
  } finally {
    Date.now = now;
  }
});

test("WorkerCredentials refuse a peer unless their function returns true", async () => {
  using warnings = useWarnings();
  const verdict = (peers: (identities: readonly string[]) => unknown): boolean | undefined =>
    WorkerCredentials.fromPem({ ...pem, peers: peers as () => boolean }).trust.judge?.(["a.example"]);

  assert.equal(
    verdict((identities) => identities.includes("a.example")),
    true,
  );
  assert.equal(
    verdict(() => false),
    false,
  );
  assert.equal(
    verdict(() => 1),
    false,
  );
  assert.equal(
    verdict(async () => true),
    false,
  );
  assert.equal(
    verdict(() => {
      throw new Error("no");
    }),
    false,
  );
  await new Promise(setImmediate);
  assert.deepEqual(new Set(warnings.codes), new Set(["MERINO_PEERS_FAILED"]));
});

function temporaryFolder(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(path.join(tmpdir(), "merino-credentials-"));
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
