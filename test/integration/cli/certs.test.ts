/** `merino certs`, as somebody uses it who knows only what it prints. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { test } from "node:test";
import { LocalDiscovery, WorkerCredentials, WorkerPool } from "merino";
import { useTool } from "../../support/debian-tool.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { JOBS, type Jobs, routinePackage, startCommand } from "./cli-support.ts";

const DISCOVERY = "local:cli-certs";

test("merino certs leads from nothing to a call over mutual TLS, by what it prints", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  const dir = fixtures.path("certs");

  const commands = printedCommands(await run(["certs", "init", "--dir", dir]));
  assert.deepEqual(
    commands.map((words) => words.slice(0, 3)),
    [
      ["certs", "issue", "worker-1"],
      ["certs", "issue", "api"],
    ],
  );
  const [forWorker = "", forApi = ""] = await Promise.all(commands.map(run));
  const [workerWords = []] = printedCommands(forWorker);
  await using worker = startCommand(
    workerWords.map((word) =>
      word === "./jobs.js"
        ? fixtures.path("jobs.js")
        : word === "lan:jobs"
          ? DISCOVERY
          : word === "0.0.0.0"
            ? "127.0.0.1"
            : word,
    ),
  );
  await worker.serves();
  const part = (name: string): string =>
    new RegExp(`^ +${name}: (".+"),$`, "m").exec(forApi)?.[1] ?? assert.fail(`no '${name}' in ${forApi}`);
  const credentials = WorkerCredentials.watch({
    ca: JSON.parse(part("ca")),
    cert: JSON.parse(part("cert")),
    key: JSON.parse(part("key")),
  });
  await using pool = await WorkerPool.open({
    discovery: new LocalDiscovery("cli-certs"),
    credentials,
    quorumTimeout: 30_000,
  });

  assert.equal(await jobs.add(1, 2), 3);
  assert.equal(pool.workers[0]?.secure, true);
});

test("merino certs makes certificates that OpenSSL accepts in its strict mode, and keys for nobody else", async () => {
  const openssl = await useTool("openssl", "openssl");
  await using _leaks = leakCheck();
  using fixtures = routinePackage({});
  const dir = fixtures.path("certs");
  await run(["certs", "init", "--dir", dir]);
  await run(["certs", "issue", "worker-1", "--dir", dir, "--ip", "::1", "--spiffe", "spiffe://farm/w"]);
  const file = (name: string): string => fixtures.path(`certs/${name}`);

  for (const purpose of ["sslserver", "sslclient"]) {
    const words = [
      "verify",
      "-x509_strict",
      "-purpose",
      purpose,
      "-CAfile",
      file("ca.pem"),
      file("worker-1.pem"),
    ];
    assert.match(execFileSync(openssl, words, { encoding: "utf8" }), /OK/);
  }
  for (const name of ["ca-key.pem", "worker-1-key.pem"])
    assert.equal(statSync(file(name)).mode & 0o777, 0o600);
  for (const name of ["ca.pem", "worker-1.pem"]) assert.equal(statSync(file(name)).mode & 0o777, 0o644);
});

/** Runs a command that is to succeed, and gives what it printed. */
async function run(words: readonly string[]): Promise<string> {
  await using command = startCommand(words);
  assert.equal(await command.exited, 0, command.stderr);
  return command.stdout;
}

/** The commands in a text, each without the name of the program. */
function printedCommands(text: string): readonly (readonly string[])[] {
  return Array.from(text.matchAll(/^ +merino (.+)$/gm), ([, words = ""]) => words.split(" "));
}
