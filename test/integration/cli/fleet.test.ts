/** `merino ls`, `stop` and `doctor` over workers of several kinds: running, of a pool, made up. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LocalDiscovery, version, WorkerConnection, type WorkerMetadata, WorkerPool } from "merino";
import { runtimeDirectory } from "../../../src/transport/unix/runtime-directory.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { runCommand } from "../../support/run-command.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";
import { JOBS, routinePackage, startCommand } from "./cli-support.ts";

const NAMESPACE = "cli-fleet";
const LOCAL = ["--discovery", `local:${NAMESPACE}`];

/** Announces records of workers that do not exist. */
async function announce(...records: readonly WorkerMetadata[]): Promise<AsyncDisposable> {
  const publisher = new LocalDiscovery(NAMESPACE).publisher();
  for (const worker of records) await publisher.publish({ type: "worker-added", worker });
  return { [Symbol.asyncDispose]: () => publisher.close() };
}

async function ls(): Promise<Record<string, unknown>[]> {
  const { exitCode, stdout, stderr } = await runCommand(["ls", ...LOCAL, "--json"]);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>[];
}

test("merino ls lists each worker with its record, and since when it has been idle", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand([
    "worker",
    fixtures.path("jobs.js"),
    ...LOCAL,
    "--tag",
    "gpu",
    "--build",
    "b 2",
  ]);
  const address = await worker.serves();
  await using pool = await WorkerPool.open({
    size: 1,
    discovery: new LocalDiscovery(NAMESPACE),
    ambient: false,
  });
  const pooled = pool.workers.find(({ address: pooling }) => pooling !== address)?.uid;
  await using connection = new WorkerConnection(address);
  const { pid } = await connection.describe();

  const list = await eventually(async () => {
    const found = await ls();
    return found.length === 2 ? found : undefined;
  });
  const table = await runCommand(["ls", ...LOCAL]);

  const mine = list.find(({ address: listed }) => listed === address);
  const [header = "", ...rows] = table.stdout.trimEnd().split("\n");
  const columns = header.split(/ {2,}/);
  const row = rows.find((line) => line.includes(address))?.split(/ {2,}/);
  assert.deepEqual(
    { ...mine, uid: "", idle: typeof mine?.idle, socket: "", hostId: "", codecs: [] },
    {
      ...{
        uid: "",
        address,
        pid,
        version,
        tags: ["gpu"],
        extra: {},
        secure: false,
        options: {},
        build: "b 2",
      },
      ...{ runtime: "node", codecs: [], socket: "", hostId: "", idle: "number" },
    },
  );
  assert.equal(list.find(({ uid }) => uid === pooled)?.idle, null);
  assert.deepEqual(columns, ["UID", "ADDRESS", "PID", "VERSION", "BUILD", "TAGS", "SECURE", "IDLE"]);
  assert.deepEqual(row?.slice(0, 7), [mine?.uid, address, String(pid), version, "b 2", "gpu", "no"]);
  assert.match(row?.[7] ?? "", /^\d+(?:\.\d)?[smh]$/);
});

test("merino ls succeeds with nothing to list", async () => {
  await using _leaks = leakCheck();

  const table = await runCommand(["ls", ...LOCAL, "--wait", "50"]);
  const json = await runCommand(["ls", ...LOCAL, "--wait", "50", "--json"]);

  assert.equal(table.exitCode, 0);
  assert.match(table.stdout, /^UID[^\n]*\n$/);
  assert.match(table.stderr, /no workers/);
  assert.deepEqual([json.exitCode, json.stdout], [0, "[]\n"]);
});

test("merino ls shows nothing of a record that could drive the terminal", async () => {
  await using _leaks = leakCheck();
  await using _announced = await announce(workerMetadata({ tags: ["\u001b[2Jgone", "a\nb"] }));

  const { stdout } = await runCommand(["ls", ...LOCAL]);

  assert.equal(stdout.split("\n").length, 3);
  assert.equal(stdout.includes("\u001b"), false);
});

test("merino stop ends the worker whose uid begins so", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  await worker.serves();
  const [record] = await ls();
  const uid = String(record?.uid);

  const stopped = await runCommand(["stop", uid.slice(0, 8), ...LOCAL, "--grace", "1000"]);
  const exitCode = await worker.exited;

  assert.equal(stopped.exitCode, 0, stopped.stderr);
  assert.match(stopped.stderr, new RegExp(uid));
  assert.equal(exitCode, 0);
  assert.deepEqual(await ls(), []);
});

test("merino stop names the workers that a beginning fits, and takes a whole uid at its word", async () => {
  await using _leaks = leakCheck();
  const records = ["ab", "abc", "b"].map((uid) => workerMetadata({ uid, address: "127.0.0.1:1" }));
  await using _announced = await announce(...records);

  const ambiguous = await runCommand(["stop", "a", ...LOCAL]);
  const missing = await runCommand(["stop", "x", ...LOCAL]);
  const exact = await runCommand(["stop", "ab", ...LOCAL]);

  assert.equal(ambiguous.exitCode, 2);
  assert.match(ambiguous.stderr, /ab, abc/);
  assert.equal(missing.exitCode, 2);
  assert.match(missing.stderr, /No worker/);
  // Nobody listens there: it was found, and cannot be reached.
  assert.equal(exact.exitCode, 1);
  assert.match(exact.stderr, /Cannot stop worker 'ab'/);
});

test("merino stop explains that a worker of another host does not take it from here", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  const address = await worker.serves();
  const [record] = await ls();
  // As it is where the caller is on another host than the worker.
  const { socket: _, ...known } = record as unknown as WorkerMetadata;
  const foreign = { ...known, hostId: "another" };
  const publisher = new LocalDiscovery("cli-elsewhere").publisher();
  await publisher.publish({ type: "worker-added", worker: { ...foreign, address } });

  const refused = await runCommand(["stop", foreign.uid, "--discovery", "local:cli-elsewhere"]);
  await publisher.close();

  assert.equal(refused.exitCode, 1);
  assert.match(refused.stderr, /Cannot stop worker/);
  assert.equal(worker.child.exitCode, null);
});

test("merino doctor finds a fleet in order", async () => {
  await using leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  const address = await worker.serves();

  const text = await runCommand(["doctor", ...LOCAL]);
  const json = await runCommand(["doctor", ...LOCAL, "--json"]);

  const diagnosis = JSON.parse(json.stdout);
  assert.deepEqual([text.exitCode, json.exitCode], [0, 0], text.stdout);
  assert.match(text.stdout, new RegExp(`^merino ${version.replaceAll(".", "\\.")},`));
  assert.doesNotMatch(text.stdout, /FAIL/);
  assert.equal(diagnosis.ok, true);
  assert.equal(diagnosis.version, version);
  assert.equal(diagnosis.checks[0].detail, join(leaks.runtimeRoot, "merino"));
  assert.deepEqual(
    diagnosis.workers.map(({ uid: _, ...rest }: { uid: string }) => rest),
    [
      {
        address,
        version,
        build: null,
        reachable: true,
        refused: null,
        problem: null,
        handshake: null,
        access: null,
      },
    ],
  );
});

test("merino doctor --build says which workers a program of that build leaves out", async () => {
  await using _leaks = leakCheck();
  await using _announced = await announce(
    workerMetadata({ uid: "new", build: "b", address: "127.0.0.1:1" }),
    workerMetadata({ uid: "old", build: "a", address: "127.0.0.1:1" }),
    workerMetadata({ uid: "silent", address: "127.0.0.1:1" }),
  );

  const text = await runCommand(["doctor", ...LOCAL, "--build", "b"]);
  const json = await runCommand(["doctor", ...LOCAL, "--build", "b", "--json"]);

  const { workers } = JSON.parse(json.stdout);
  assert.deepEqual(
    workers.map(
      ({ uid, build, refused }: { uid: string; build: string; refused: { reason: string } | null }) => [
        uid,
        build,
        refused?.reason,
      ],
    ),
    [
      ["new", "b", undefined],
      ["old", "a", "build"],
      ["silent", null, "build"],
    ],
  );
  assert.match(text.stdout, /worker old at .*, build a\n +would be refused \(build\): it is of build 'a'/);
});

test("merino doctor says which worker would be refused and why, and which cannot be reached", async () => {
  await using _leaks = leakCheck();
  await using _announced = await announce(
    workerMetadata({ uid: "future", version: "9.1.0", address: "127.0.0.1:1" }),
    workerMetadata({ uid: "pickle", codecs: ["pickle"], address: "127.0.0.1:1" }),
    workerMetadata({ uid: "tls", secure: true, address: "127.0.0.1:1" }),
  );

  const text = await runCommand(["doctor", ...LOCAL]);
  const json = await runCommand(["doctor", ...LOCAL, "--json"]);

  const { ok, workers } = JSON.parse(json.stdout);
  assert.deepEqual([text.exitCode, json.exitCode], [1, 1]);
  assert.equal(ok, false);
  assert.deepEqual(
    workers.map(
      ({ uid, reachable, refused }: { uid: string; reachable: boolean; refused: { reason: string } }) => [
        uid,
        reachable,
        refused.reason,
      ],
    ),
    [
      ["future", false, "version"],
      ["pickle", false, "codec"],
      ["tls", false, "security"],
    ],
  );
  assert.match(
    text.stdout,
    /FAIL worker future .*9\.1\.0\n +would be refused \(version\).*\n +cannot be reached: /,
  );
  assert.equal(text.stderr, "");
});

test("merino doctor counts it as wrong when nobody is there", async () => {
  await using _leaks = leakCheck();

  const { exitCode, stdout } = await runCommand(["doctor", ...LOCAL, "--wait", "50"]);

  assert.equal(exitCode, 1);
  assert.match(stdout, /FAIL discovery: .*no worker/);
});

test("merino doctor finds a runtime directory that others can read", async () => {
  await using _leaks = leakCheck();
  chmodSync(runtimeDirectory(), 0o755);

  const { exitCode, stdout } = await runCommand(["doctor", "--json"]);

  const { checks } = JSON.parse(stdout);
  assert.equal(exitCode, 1);
  assert.equal(checks[0].ok, false);
  assert.match(checks[0].detail, /0700/);
  chmodSync(join(process.env.XDG_RUNTIME_DIR ?? "", "merino"), 0o700);
});

test("merino doctor --as says what a caller of the network may call of a worker on this host, and why", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const api = "spiffe://farm/api";
  await using worker = startCommand([
    ...["worker", fixtures.path("jobs.js"), ...LOCAL],
    ...["--allow", `*#waitFor=${api}`],
  ]);
  await worker.serves();

  const text = await runCommand(["doctor", ...LOCAL, "--as", api]);
  const json = await runCommand(["doctor", ...LOCAL, "--as", "spiffe://farm/other", "--json"]);

  assert.match(text.stdout, / may call \S+#waitFor: the worker's rule for '\*#waitFor'/);
  assert.match(text.stdout, / may not call \S+: the worker has rules, and none of them names the routine/);
  const [diagnosis] = (JSON.parse(json.stdout) as { workers: { access: { permitted: boolean }[] }[] })
    .workers;
  assert.ok(diagnosis !== undefined && diagnosis.access.length > 1);
  assert.ok(diagnosis.access.every(({ permitted }) => !permitted));
});
