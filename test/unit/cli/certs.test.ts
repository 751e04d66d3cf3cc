/** What `merino certs` writes and refuses; that it leads to a call is in the integration tests. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { WorkerCredentials } from "../../../src/credentials/worker-credentials.ts";
import { createAuthority } from "../../support/issue-certificate.ts";
import { runCommand } from "../../support/run-command.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

test("merino certs issues credentials that can be used, by each of the names that were given", async () => {
  using folder = temporaryPackage({});
  const dir = folder.path("made/certs");
  await succeed(["init", "--dir", dir]);
  await succeed(["issue", "Worker-1", "--dir", dir, "--dns", "*.Jobs.example", "--ip", "10.0.0.5"]);
  await succeed(["issue", "::1", "--dir", dir, "--spiffe", "spiffe://farm/a"]);

  assert.deepEqual(readdirSync(dir).sort(), [
    "Worker-1-key.pem",
    "Worker-1.pem",
    "__1-key.pem",
    "__1.pem",
    "ca-key.pem",
    "ca.pem",
  ]);
  assert.deepEqual(read(dir, "Worker-1").identities, ["worker-1", "*.jobs.example", "10.0.0.5"]);
  assert.deepEqual(read(dir, "__1").identities, ["::1", "spiffe://farm/a"]);
});

test("merino certs replaces nothing without --force, and then both files", async () => {
  using folder = temporaryPackage({});
  const dir = folder.path("certs");
  await succeed(["init", "--dir", dir]);
  await succeed(["issue", "a", "--dir", dir]);
  const before = contents(dir);

  for (const words of [["init"], ["issue", "a"]]) {
    const { exitCode, stderr } = await runCommand(["certs", ...words, "--dir", dir]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /is there already; add --force/);
  }
  assert.deepEqual(contents(dir), before);
  await succeed(["issue", "a", "--dir", dir, "--force"]);
  assert.notEqual(contents(dir)["a.pem"], before["a.pem"]);
  assert.deepEqual(read(dir, "a").identities, ["a"]);
});

test("merino certs says what is wrong with an authority", async () => {
  using folder = temporaryPackage({});
  const dir = folder.path(".");
  const root = createAuthority();
  const leaf = root.issue();
  const states: readonly [RegExp, string | undefined, string | undefined][] = [
    [/there is no '.*ca\.pem'.*merino certs init --dir/, undefined, undefined],
    [/there is no '.*ca-key\.pem'/, root.cert, undefined],
    [/are not a certificate and its key/, "text", root.key],
    [/is not the key of/, root.cert, leaf.key],
    [/is not an authority's/, leaf.cert, leaf.key],
    [/has ended at/, ...ended()],
  ];
  for (const [expected, cert, key] of states) {
    if (cert !== undefined) writeFileSync(folder.path("ca.pem"), cert);
    if (key !== undefined) writeFileSync(folder.path("ca-key.pem"), key);

    const { exitCode, stderr } = await runCommand(["certs", "issue", "a", "--dir", dir]);

    assert.equal(exitCode, 1);
    assert.match(stderr, expected);
    assert.match(stderr, /^[^\n]+\n$/);
  }
});

test("merino certs issues for authorities that others have made", async () => {
  using folder = temporaryPackage({});
  const root = createAuthority({ name: "of another maker", keyType: "rsa" });
  writeFileSync(folder.path("ca.pem"), root.cert);
  writeFileSync(folder.path("ca-key.pem"), root.key);

  await succeed(["issue", "a", "--dir", folder.path("."), "--days", "3"]);

  assert.deepEqual(read(folder.path("."), "a").identities, ["a"]);
});

for (const words of [
  ["init", "--days", "0"],
  ["init", "--days", "36501"],
  ["init", "extra"],
  ["issue"],
  ["issue", "ca"],
  ["issue", "CA"],
  ["issue", "a-key"],
  ["issue", "../a"],
  ["issue", ".a"],
  ["issue", "a b"],
  ["issue", "fe80::1%lo"],
  ["issue", "a", "--ip", "localhost"],
  ["issue", "a", "--dns", "10.0.0.1"],
  ["issue", "a", "--dns", "a.*.b"],
  ["issue", "a", "--spiffe", "https://farm/a"],
  ["issue", "a", "--spiffe", "spiffe://farm"],
  ["issue", "a", "--spiffe", "spiffe://farm/"],
  ["issue", "a", "--spiffe", "spiffe://Farm/a"],
  ["issue", "a", "--spiffe", "spiffe://farm/../a"],
]) {
  test(`merino certs refuses '${words.join(" ")}' in one line, with code 2`, async () => {
    const { exitCode, stdout, stderr } = await runCommand(["certs", ...words]);

    assert.equal(exitCode, 2);
    assert.match(stderr, /^[^\n]+\n$/);
    assert.equal(stdout, "");
  });
}

function ended(): readonly [string, string] {
  const { cert, key } = createAuthority({ days: -2 });
  return [cert, key];
}

async function succeed(words: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runCommand(["certs", ...words]);
  assert.equal(exitCode, 0, stderr);
}

function read(dir: string, name: string): WorkerCredentials {
  return WorkerCredentials.fromFiles({
    ca: `${dir}/ca.pem`,
    cert: `${dir}/${name}.pem`,
    key: `${dir}/${name}-key.pem`,
  });
}

function contents(dir: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(`${dir}/${name}`, "utf8")]));
}
