/** Workers started by the command: what they serve and say, how they are found, and the ways in which they end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LocalDiscovery, routine, TaskRefusedError, WorkerConnection, WorkerPool } from "merino";
import { seenWorkers } from "../../../src/cli/seen-workers.ts";
import { socketPath } from "../../../src/transport/unix/socket-path.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { runNode } from "../../support/run-node.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { MODULES, STRIPS_TYPES, userProject } from "../environments/user-project.ts";
import { JOBS, type Jobs, routinePackage, startCommand } from "./cli-support.ts";

const NAMESPACE = "cli-worker";
const LOCAL = ["--discovery", `local:${NAMESPACE}`];

/** The workers announced in this test's private directory. */
function announced(waitMs = 300): ReturnType<typeof seenWorkers> {
  return seenWorkers(new LocalDiscovery(NAMESPACE), waitMs);
}

function openPool(): Promise<WorkerPool> {
  return WorkerPool.open({ discovery: new LocalDiscovery(NAMESPACE), quorumTimeout: 30_000 });
}

test("merino worker serves its modules' routines to a pool that finds it, and says nothing but its address", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand([
    "worker",
    fixtures.path("jobs.js"),
    ...LOCAL,
    ...["--tag", "gpu", "--tag", "big", "--extra", "zone=eu=1", "--max-concurrent-calls", "7"],
  ]);
  const address = await worker.serves();
  await using pool = await openPool();

  const sum = await jobs.add(1, 2);
  const pid = await jobs.pidOf();
  const [record] = pool.workers;

  assert.equal(sum, 3);
  assert.equal(pid, record?.pid);
  assert.match(address, /^127\.0\.0\.1:\d+$/);
  assert.equal(worker.stdout, `${address}\n`);
  assert.equal(record?.address, address);
  assert.deepEqual(record?.tags, ["gpu", "big"]);
  assert.deepEqual(record?.extra, { zone: "eu=1" });
  assert.equal(record?.options.maxConcurrentCalls, 7);
  assert.equal(record?.secure, false);
});

test("merino worker prints with NODE_DEBUG=merino what becomes of executions, and nothing that was sent", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL], { NODE_DEBUG: "merino" });
  await worker.serves();
  await using pool = await openPool();
  void pool;

  await jobs.add(4_711, 815);
  const over = /MERINO \d+: execution over routine=\S+#add .*outcome=completed/;
  await eventually(() => over.test(worker.stderr), { what: "the execution is printed" });

  assert.match(worker.stderr, /MERINO \d+: execution start routine=\S+#add/);
  assert.doesNotMatch(worker.stderr, /4711|5526/);
});

test("merino worker runs TypeScript modules", async () => {
  using fixtures = routinePackage({
    "jobs.ts":
      "export const twice = routine(async function twice(n: number): Promise<number> { return 2 * n; });",
  });
  // Before the check: the loader starts its compiler, and keeps it for a while.
  const { twice } = await import(fixtures.url("jobs.ts"));
  await using _leaks = leakCheck();
  await using worker = startCommand(["worker", fixtures.path("jobs.ts"), ...LOCAL]);
  await worker.serves();
  await using _pool = await openPool();

  assert.equal(await twice(21), 42);
});

test("merino worker runs TypeScript that Node does not take by the tsx beside it", async () => {
  using fixtures = routinePackage(
    {
      "jobs.ts": `import { Factor } from "./factor.js";
export const twice = routine(async (n: number) => Factor.two * n, { id: "cli-enum#twice" });`,
      "factor.ts": "export enum Factor { two = 2 }",
    },
    ["tsx"],
  );
  // Not imported: not every loader that these tests run by takes it.
  const twice = routine(async (n: number) => n, { id: "cli-enum#twice" });
  await using _leaks = leakCheck();
  await using worker = startCommand(["worker", fixtures.path("jobs.ts"), ...LOCAL]);
  await worker.serves();
  await using _pool = await openPool();

  assert.equal(await twice(21), 42);
});

test("merino worker says what to install for TypeScript that Node does not take", async () => {
  await using project = userProject(
    {
      "package.json": MODULES,
      "jobs.ts": 'import { Factor } from "./factor.ts"; console.log(Factor.two);',
      "factor.ts": "export enum Factor { two = 2 }",
      "other.ts": 'import "./factor.js";',
    },
    { dependencies: ["commander"] },
  );
  const serve = (module: string) =>
    project.run(["node_modules/merino/dist/cli/merino.js", "worker", `./${module}`]);

  const results = [await serve("jobs.ts"), await serve("other.ts")];

  const byName = STRIPS_TYPES ? /there is '.*factor\.ts', which Node finds by that name only/ : /./;
  for (const { exitCode, stdout, stderr } of results) {
    assert.deepEqual({ exitCode, stdout }, { exitCode: 1, stdout: "" });
    assert.match(stderr, /^merino: Cannot import .*install tsx beside it \(npm install --save-dev tsx\)/);
  }
  assert.match(results[1]?.stderr ?? "", byName);
});

test("merino worker serves what only a hook of require takes", async () => {
  await using _leaks = leakCheck();
  using fixtures = temporaryPackage({
    "hook.cjs": `const { readFileSync } = require("node:fs");
require.extensions[".jobs"] = (module, path) => module._compile(readFileSync(path, "utf8"), path);`,
    "jobs.jobs": `const { routine } = require(${JSON.stringify(fileURLToPath(import.meta.resolve("merino")))});
exports.twice = routine(async function twice(n) { return 2 * n; }, { id: "cli-hook#twice" });`,
  });
  const hook = `--require=${fixtures.path("hook.cjs")}`;
  await using worker = startCommand(["worker", fixtures.path("jobs.jobs")], { NODE_OPTIONS: hook });
  const address = await worker.serves();
  await using network = new WorkerConnection(address, { timeout: 30_000 });
  const twice = routine(async (n: number) => n, { id: "cli-hook#twice" });

  assert.equal(await network.dispatch(twice, 21), 42);
});

test("merino worker refuses routines of other modules, to local and to network callers, and imports nothing", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({
    "jobs.js": `${JOBS}import "./loaded.js";`,
    "loaded.js": "export const inner = routine(async function inner() {});",
    "other.js": `
if (process.argv[1].endsWith("main.ts")) writeFileSync(new URL("./imported", import.meta.url), "");
export const outer = routine(async function outer() {});`,
  });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  const { inner } = await import(fixtures.url("loaded.js"));
  const { outer } = await import(fixtures.url("other.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  const address = await worker.serves();
  await using _pool = await openPool();
  // With nothing but an address it is reached over the network, also from its own host.
  await using network = new WorkerConnection(address, { timeout: 30_000 });

  const sums = [await jobs.add(1, 2), await network.dispatch(jobs.add, 3, 4)];
  const outcomes = await Promise.allSettled([
    inner(),
    outer(),
    inner.with({ pool: network })(),
    outer.with({ pool: network })(),
  ]);

  assert.deepEqual(sums, [3, 7]);
  for (const outcome of outcomes) {
    assert.ok(
      outcome.status === "rejected" && outcome.reason instanceof TaskRefusedError,
      String(outcome.status),
    );
    assert.equal(outcome.reason.refusal, "NOT_EXPOSED");
  }
  assert.equal(existsSync(fixtures.path("imported")), false);
});

test("merino worker serves on, and ends in order, when nobody reads what it says any more", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  await worker.serves();
  await using connection = new WorkerConnection(await eventually(async () => (await announced())[0]));
  const underWay = connection.dispatch(jobs.waitFor, fixtures.path("go"));
  await eventually(async () => (await connection.idle()) === 0);
  worker.child.stdout?.destroy();
  worker.child.stderr?.destroy();

  worker.child.kill("SIGTERM");
  await eventually(async () => (await announced(50)).length === 0, { withinMs: 10_000 });
  writeFileSync(fixtures.path("go"), "");

  assert.equal(await underWay, "found");
  assert.equal(await worker.exited, 0);
});

test("merino worker drains on SIGTERM: retracted first, no new calls, those under way finish, code 0", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  await worker.serves();
  const record = await eventually(async () => (await announced())[0]);
  await using connection = new WorkerConnection(record);
  await connection.dispatch(jobs.add, 1, 2);
  const underWay = connection.dispatch(jobs.waitFor, fixtures.path("go"));
  await eventually(async () => (await connection.idle()) === 0);

  worker.child.kill("SIGTERM");
  await eventually(async () => (await announced(50)).length === 0, { withinMs: 10_000 });
  await eventually(() => worker.stderr.includes("SIGTERM"));
  await using late = new WorkerConnection(record, { timeout: 200 });
  await assert.rejects(late.dispatch(jobs.add, 1, 2));
  const stillThere = worker.child.exitCode;
  writeFileSync(fixtures.path("go"), "");
  const value = await underWay;
  const exitCode = await worker.exited;

  assert.equal(stillThere, null);
  assert.equal(value, "found");
  assert.equal(exitCode, 0);
});

for (const before of [0, 1]) {
  test(`merino worker that drains serves the nested calls of its own tasks, after ${before} earlier ones`, async () => {
    await using _leaks = leakCheck();
    using fixtures = routinePackage({
      "jobs.js": `${JOBS}
export const count = routine(async function* count(n) { for (let i = 0; i < n; i++) yield i; });
export const deep = routine(async function deep() { return await add(20, 1); });
export const started = routine(async function* started(before, path) {
  for (let i = 0; i < before; i++) await add(i, 1);
  yield "begun";
  await exists(path);
  const found = [await add(1, 2), await deep()];
  for await (const i of count(3)) found.push(i);
  yield found;
});`,
    });
    const { started } = await import(fixtures.url("jobs.js"));
    const retracted = fixtures.path("retracted");
    await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
    await worker.serves();
    await using _pool = await openPool();
    const steps = started(before, retracted);
    assert.equal((await steps.next()).value, "begun");

    worker.child.kill("SIGTERM");
    await eventually(async () => (await announced()).length === 0, { withinMs: 30_000 });
    writeFileSync(retracted, "");

    assert.deepEqual((await steps.next()).value, [3, 21, 0, 1, 2]);
    await steps.return();
    assert.equal(await worker.exited, 0);
  });
}

test("superviseWorkers takes back an announcement that is on its way when the signal comes", async () => {
  await using _leaks = leakCheck();
  const supervisor = new URL("../../../src/cli/supervisor.ts", import.meta.url).href;
  using fixtures = routinePackage({
    "jobs.js": JOBS,
    "serve.js": `import { superviseWorkers } from ${JSON.stringify(supervisor)};
const log = [];
const publisher = {
  async publish({ type }) { log.push(type); process.kill(process.pid, "SIGTERM"); await pause(500); },
  async close() { log.push("closed"); },
};
const options = { tags: [], extra: {}, allow: {}, stopAllow: [], warm: [], channel: {}, graceMs: 1_000, mappings: [], resources: {}, network: { host: "127.0.0.1", port: 0 } };
const exitCode = await superviseWorkers(
  { ...options, modules: [new URL("./jobs.js", import.meta.url).href], discovery: { publisher: () => publisher } },
  { out: (text) => log.push(text), err: (text) => log.push(text) },
);
console.log(JSON.stringify({ exitCode, log }));
process.exit();`,
  });

  const { stdout, stderr } = await runNode([...TYPESCRIPT_FLAGS, fixtures.path("serve.js")], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
  });

  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), { exitCode: 128 + 15, log: ["worker-added", "closed"] });
});

test("merino worker ends at once on a second signal", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js")]);
  await using connection = new WorkerConnection(await worker.serves(), { timeout: 30_000 });
  const underWay = connection.dispatch(jobs.waitFor, fixtures.path("never"));
  const lost = assert.rejects(underWay);
  await eventually(async () => (await connection.idle()) === 0, { withinMs: 20_000 });

  worker.child.kill("SIGINT");
  await eventually(() => worker.stderr.includes("SIGINT"));
  worker.child.kill("SIGTERM");
  const exitCode = await worker.exited;
  await lost;

  assert.equal(exitCode, 128 + 15);
});

test("merino worker aborts what is still under way when --grace is over", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), "--grace", "50"]);
  await using connection = new WorkerConnection(await worker.serves(), { timeout: 30_000 });
  const lost = assert.rejects(connection.dispatch(jobs.waitFor, fixtures.path("never")));
  await eventually(async () => (await connection.idle()) === 0, { withinMs: 20_000 });

  worker.child.kill("SIGTERM");
  const exitCode = await worker.exited;
  await lost;

  assert.equal(exitCode, 0);
});

test("merino worker ends by itself once it has had no calls for --idle-timeout, and not before", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL, "--idle-timeout", "1500"]);
  const address = await worker.serves();
  await using connection = new WorkerConnection(address, { timeout: 30_000 });
  const busy = connection.dispatch(jobs.waitFor, fixtures.path("go"));
  const startMs = performance.now();
  // Longer than the timeout: a call that runs counts as use.
  await eventually(() => performance.now() - startMs > 2_500);
  const whileBusy = worker.child.exitCode;
  writeFileSync(fixtures.path("go"), "");
  await busy;

  const exitCode = await worker.exited;

  assert.equal(whileBusy, null);
  assert.equal(exitCode, 0);
  assert.deepEqual(await announced(100), []);
});

test("merino worker asks its --accept module about every call", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({
    "jobs.js": JOBS,
    "accept.js": "export const accept = ({ inFlight }) => inFlight < 1;",
  });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  await using worker = startCommand([
    ...["worker", fixtures.path("jobs.js"), ...LOCAL],
    ...["--accept", fixtures.path("accept.js")],
  ]);
  await worker.serves();
  await using _pool = await openPool();
  await jobs.add(1, 2);
  const first = jobs.waitFor(fixtures.path("go"));
  await using probe = new WorkerConnection((await announced())[0] ?? assert.fail());
  await eventually(async () => (await probe.idle()) === 0);

  // Refused, and asked again until there is room.
  const second = jobs.add(3, 4);
  const early = await Promise.race([second, probe.idle().then(() => "refused so far")]);
  writeFileSync(fixtures.path("go"), "");
  const values = [await first, await second];

  assert.equal(early, "refused so far");
  assert.deepEqual(values, ["found", 7]);
});

test("merino worker with --map serves callers that run another directory of the package", async () => {
  using fixtures = routinePackage({ "dist/jobs.js": JOBS, "src/jobs.ts": `// @ts-nocheck\n${JOBS}` });
  // Before the check, as above.
  const jobs: Jobs = await import(fixtures.url("src/jobs.ts"));
  await using _leaks = leakCheck();
  await using worker = startCommand(["worker", fixtures.path("dist/jobs.js"), ...LOCAL, "--map", "dist=src"]);
  await worker.serves();
  await using _pool = await openPool();

  const sum = await jobs.add(1, 2);

  assert.equal(sum, 3);
  assert.match(jobs.add.id, /\/src\/jobs\.ts#add$/);
});

test("merino worker killed with SIGKILL disappears from discovery within seconds", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  using fixtures = routinePackage({ "jobs.js": JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL]);
  await worker.serves();
  const before = await announced();

  worker.child.kill("SIGKILL");
  await worker.exited;
  await eventually(async () => (await announced(1_000)).length === 0, { withinMs: 10_000 });
  socketPath(); // whoever makes one next sweeps what killed processes have left

  assert.equal(before.length, 1);
});

const failures: ReadonlyArray<{
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly module?: string;
  readonly words?: readonly string[];
  readonly exitCode: number;
  readonly says: RegExp;
}> = [
  { what: "a missing module", files: {}, exitCode: 2, says: /There is no file '.*jobs\.js'/ },
  {
    what: "a module that throws",
    files: { "jobs.js": 'throw new TypeError("no such luck");' },
    exitCode: 1,
    says: /Cannot import '.*jobs\.js': no such luck[\s\S]*jobs\.js:\d+/,
  },
  {
    what: "a module without a routine",
    files: { "jobs.js": "export const three = 3;" },
    exitCode: 1,
    says: /^merino: Cannot serve '[^']*jobs\.js': no routine [^\n]*\n$/,
  },
  {
    what: "an address beyond this host",
    files: { "jobs.js": JOBS },
    words: ["--host", "0.0.0.0"],
    exitCode: 2,
    says: /Cannot listen on '0\.0\.0\.0' without credentials.*--insecure/,
  },
  {
    what: "an accept module without a hook",
    files: { "jobs.js": JOBS, "accept.js": "export const nothing = 1;" },
    words: ["--accept", "accept.js"],
    exitCode: 1,
    says: /'accept'.*exports.*nothing/,
  },
];

for (const { what, files, words = [], exitCode, says } of failures) {
  test(`merino worker refuses ${what}, with code ${exitCode}, before anything is announced`, async () => {
    await using _leaks = leakCheck();
    using fixtures = routinePackage(files);
    const paths = words.map((word) => (word.endsWith(".js") ? fixtures.path(word) : word));
    const discovery = words.includes("--discovery") ? [] : LOCAL;
    await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...discovery, ...paths]);

    const code = await worker.exited;

    assert.equal(code, exitCode, worker.stderr);
    assert.match(worker.stderr, says);
    assert.doesNotMatch(worker.stderr, / at .*\/(?:src|dist)\//);
    assert.equal(worker.stdout, "");
    assert.deepEqual(await announced(50), []);
  });
}

test("merino worker says that its port is taken", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as import("node:net").AddressInfo;
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), "--port", String(port), ...LOCAL]);

  const code = await worker.exited;
  server.close();

  assert.equal(code, 1, worker.stderr);
  assert.match(worker.stderr, new RegExp(String(port)));
  assert.equal(worker.stdout, "");
});

/** A routine that says whether the value of its worker was there before, and a value that says when it is closed. */
const MODEL_JOBS = `
import { perWorker } from ${JSON.stringify(import.meta.resolve("merino"))};
let loaded = false;
const model = perWorker("model", () => { loaded = true; }, { dispose: () => console.log("model closed") });
export const wasLoaded = routine(async function wasLoaded() { return loaded; });
`;

test("merino worker makes the values that --warm names before it serves, and disposes of them as it ends", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": MODEL_JOBS });
  const jobs: { wasLoaded(): Promise<boolean> } = await import(fixtures.url("jobs.js"));
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), ...LOCAL, "--warm", "model"]);
  await worker.serves();
  {
    await using _pool = await openPool();
    assert.equal(await jobs.wasLoaded(), true);
  }

  worker.child.kill("SIGTERM");

  assert.equal(await worker.exited, 0);
  assert.match(worker.stdout, /^model closed$/m);
});

test("merino worker says which values its modules have, if none is called as --warm says", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": MODEL_JOBS });
  await using worker = startCommand(["worker", fixtures.path("jobs.js"), "--warm", "modle"]);

  assert.equal(await worker.exited, 1);
  assert.match(worker.stderr, /Cannot make 'modle' before it serves: .*they have 'cli-.*jobs\.js#model'/);
});
