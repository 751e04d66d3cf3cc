/** The command as the supervisor of its workers: it keeps its word while a body blocks one, leaves none behind, and replaces those that crash. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import {
  LocalDiscovery,
  WorkerConnection,
  type WorkerLostError,
  type WorkerMetadata,
  WorkerPool,
} from "merino";
import { seenWorkers } from "../../../src/cli/seen-workers.ts";
import { socketPath } from "../../../src/transport/unix/socket-path.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { runCommand } from "../../support/run-command.ts";
import { type CommandProcess, JOBS, type Jobs, routinePackage, startCommand } from "./cli-support.ts";

const NAMESPACE = "cli-supervisor";
const LOCAL = ["--discovery", `local:${NAMESPACE}`];

async function records(count: number): Promise<readonly WorkerMetadata[]> {
  return eventually(
    async () => {
      const seen = await seenWorkers(new LocalDiscovery(NAMESPACE), 300);
      return seen.length === count ? seen : undefined;
    },
    { withinMs: 20_000, what: `${count} workers are announced` },
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A worker whose main thread a body blocks for as long as the test runs. */
async function startBlocked(
  words: readonly string[],
  { network = false }: { readonly network?: boolean } = {},
): Promise<
  AsyncDisposable & {
    readonly worker: CommandProcess;
    readonly record: WorkerMetadata;
    /** Resolves with the error of the call when it is lost. */
    readonly lost: Promise<WorkerLostError>;
  }
> {
  const fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  const worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL, ...words]);
  const address = await worker.serves();
  const [record] = await records(1);
  assert.ok(record);
  const connection = new WorkerConnection(network ? address : record, { timeout: 30_000 });
  const lost = connection.dispatch(jobs.blockUntil, fixtures.path("never"), fixtures.path("begun")).then(
    () => assert.fail("the call has ended"),
    (error: unknown) => error as WorkerLostError,
  );
  await eventually(() => existsSync(fixtures.path("begun")));
  return {
    worker,
    record,
    lost,
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      await connection[Symbol.asyncDispose]();
      fixtures[Symbol.dispose]();
    },
  };
}

test("merino worker ends when --grace is over also while a body blocks it, retracted at once", async () => {
  await using _leaks = leakCheck();
  await using blocked = await startBlocked(["--grace", "1500"]);

  blocked.worker.child.kill("SIGHUP");
  await eventually(async () => (await seenWorkers(new LocalDiscovery(NAMESPACE), 50)).length === 0);
  const whileItBlocks = blocked.worker.child.exitCode;
  const exitCode = await blocked.worker.exited;
  await blocked.lost;

  assert.equal(whileItBlocks, null);
  assert.equal(exitCode, 0, blocked.worker.stderr);
  assert.match(blocked.worker.stderr, /^merino: SIGHUP; ending, with at most 1500 ms for calls under way$/m);
});

test("merino worker ends at once on a second signal also while a body blocks it", async () => {
  await using _leaks = leakCheck();
  await using blocked = await startBlocked(["--grace", "Infinity"]);

  blocked.worker.child.kill("SIGTERM");
  await eventually(() => blocked.worker.stderr.includes("SIGTERM"));
  blocked.worker.child.kill("SIGINT");
  const exitCode = await blocked.worker.exited;
  await blocked.lost;

  assert.equal(exitCode, 128 + 2);
  assert.equal(isAlive(blocked.record.pid), false);
});

test("a worker that a body blocks until its time is over has been stopped, as its callers on the network learn", async () => {
  for (const how of ["signal", "stop", "second signal"] as const) {
    let error = await stopBlocked(how);
    // The worker is killed half a second after it was told to say so: on a busy machine that may be too soon for once.
    for (let attempt = 1; attempt < 8 && error.reason === "lost"; attempt += 1)
      error = await stopBlocked(how);

    assert.equal(error.reason, "stopped", `${how}: ${error.message}`);
    assert.match(error.message, /it was stopped; the call to '.*blockUntil' may have run$/);
  }
});

/** Has a worker stopped that a body blocks for good. Resolves with what its caller on the network learns. */
async function stopBlocked(how: "signal" | "stop" | "second signal"): Promise<WorkerLostError> {
  await using _leaks = leakCheck();
  await using blocked = await startBlocked(["--grace", how === "signal" ? "100" : "Infinity"], {
    network: true,
  });

  if (how === "stop") await runCommand(["stop", blocked.record.uid, ...LOCAL, "--grace", "100"]);
  else blocked.worker.child.kill("SIGTERM");
  if (how === "second signal") {
    await eventually(() => blocked.worker.stderr.includes("SIGTERM"));
    blocked.worker.child.kill("SIGINT");
  }
  const error = await blocked.lost;
  await blocked.worker.exited;
  assert.equal(error.code, "ERR_MERINO_WORKER_LOST", `${how}: ${error.message}`);
  return error;
}

test("merino stop ends a worker that a body blocks for good, also one that is kept running", async () => {
  await using _leaks = leakCheck();
  await using blocked = await startBlocked(["--workers", "1"]);

  const stopped = await runCommand(["stop", blocked.record.uid, ...LOCAL, "--grace", "50"]);
  const exitCode = await blocked.worker.exited;
  await blocked.lost;

  assert.equal(stopped.exitCode, 0, stopped.stderr);
  assert.equal(exitCode, 0, blocked.worker.stderr);
  assert.match(blocked.worker.stderr, /asked to stop; ending, with at most 50 ms/);
  assert.equal(blocked.worker.stdout.trim().split("\n").length, 1);
});

test("merino worker killed with SIGKILL takes its worker along, also one that a body blocks", async () => {
  await using _leaks = leakCheck();
  await using blocked = await startBlocked([]);

  blocked.worker.child.kill("SIGKILL");
  await blocked.worker.exited;
  await eventually(() => !isAlive(blocked.record.pid), { withinMs: 10_000 });
  await blocked.lost;
  await records(0);
  socketPath(); // whoever makes one next sweeps what killed processes have left
});

test("merino worker ends as its worker does that crashes, after taking it back", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  await worker.serves();
  const [record] = await records(1);

  process.kill(record?.pid ?? 0, "SIGKILL");
  const exitCode = await worker.exited;

  assert.equal(exitCode, 128 + 9);
  assert.match(worker.stderr, new RegExp(`worker \\(pid ${record?.pid}\\) was ended by SIGKILL`));
  assert.deepEqual(await seenWorkers(new LocalDiscovery(NAMESPACE), 50), []);
});

test("merino worker ends in order when its worker alone gets the signal", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  await worker.serves();
  const [record] = await records(1);

  process.kill(record?.pid ?? 0, "SIGTERM");

  assert.equal(await worker.exited, 0);
  assert.match(worker.stderr, /^merino: SIGTERM; ending/m);
});

test("merino worker --workers keeps as many running: each with its address, another for one that crashes", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL, "--workers", "2"]);
  const first = await worker.servesAt(2);
  const before = await records(2);
  const [crashed, sound] = before;

  process.kill(crashed?.pid ?? 0, "SIGKILL");
  const addresses = await worker.servesAt(3);
  const after = await records(2);
  worker.child.kill("SIGTERM");
  const exitCode = await worker.exited;

  assert.deepEqual(new Set(before.map(({ address }) => address)), new Set(first));
  assert.equal(new Set(before.map(({ pid }) => pid)).size, 2);
  assert.ok(after.some(({ uid, pid }) => uid === sound?.uid && pid === sound?.pid));
  assert.ok(after.some(({ uid, address }) => uid !== sound?.uid && address === addresses[2]));
  assert.equal(exitCode, 0, worker.stderr);
});

test("merino worker --workers says at most once for each worker which signal of the terminal ends it", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), "--workers", "2", ...LOCAL]);
  await worker.servesAt(2);
  const workers = await records(2);

  // As Ctrl-C does: the whole group gets it.
  for (const { pid } of workers) process.kill(pid, "SIGINT");
  worker.child.kill("SIGINT");

  assert.equal(await worker.exited, 0);
  const lines = worker.stderr.match(/^merino: SIGINT; ending/gm) ?? [];
  assert.ok(lines.length >= 1 && lines.length <= 2, worker.stderr);
});

test("merino worker --workers gives each worker a port of its own, from --port on", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const port = await freePorts();
  await using worker = startCommand([
    ...["worker", fixtures.path("jobs.js"), ...LOCAL],
    ...["--workers", "2", "--port", String(port)],
  ]);

  const addresses = await worker.servesAt(2);

  assert.deepEqual(addresses, [`127.0.0.1:${port}`, `127.0.0.1:${port + 1}`]);
});

test("merino worker --recycle-calls starts its worker anew on the same port, without --workers, and no call fails", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const port = await freePorts();
  await using worker = startCommand([
    ...["worker", fixtures.path("jobs.js"), ...LOCAL, "--port", String(port)],
    ...["--recycle-calls", "5", "--recycle-jitter", "0"],
  ]);
  await worker.serves();
  const [before] = await records(1);
  const { pidOf }: Jobs = await import(fixtures.url("jobs.js"));
  await using pool = await WorkerPool.open({ discovery: new LocalDiscovery(NAMESPACE), ambient: false });

  const pids = new Set<number>();
  // A worker that is worn serves until it has been taken back.
  while (pids.size < 3) pids.add(await pidOf.with({ pool })());
  const addresses = await worker.servesAt(3);
  const [after] = await records(1);
  worker.child.kill("SIGTERM");

  assert.deepEqual(new Set(addresses), new Set([`127.0.0.1:${port}`]));
  assert.notEqual(after?.uid, before?.uid);
  assert.match(worker.stderr, /has reached its limit with 5 calls/);
  assert.equal(await worker.exited, 0, worker.stderr);
});

test("merino worker that is debugged has its worker debugged on another port", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const port = await freePorts();
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL], {
    NODE_OPTIONS: `--inspect=127.0.0.1:${port}`,
  });

  await worker.serves();

  const urls = worker.stderr.match(/ws:\/\/127\.0\.0\.1:\d+/g) ?? [];
  assert.equal(new Set(urls).size, 2, worker.stderr);
  assert.doesNotMatch(worker.stderr, /address already in use/);
});

/** The first of two ports that were free a moment ago. */
async function freePorts(): Promise<number> {
  for (;;) {
    const port = await listenOn(0);
    if (port < 65_535 && (await listenOn(port + 1)) !== 0) return port;
  }
}

/** @returns The port, free again; 0 if it is taken. */
function listenOn(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(0));
    server.listen(port, "127.0.0.1", () => {
      const { port: free } = server.address() as import("node:net").AddressInfo;
      server.close(() => resolve(free));
    });
  });
}
