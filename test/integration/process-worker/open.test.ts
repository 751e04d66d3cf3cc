/** A worker that a program starts by itself: found, called, stopped, and gone. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import {
  LanDiscovery,
  LocalDiscovery,
  ProcessWorker,
  type Publisher,
  StaticDiscovery,
  WorkerConnection,
  WorkerPool,
} from "merino";
import { eventually } from "../../support/eventually.ts";
import { type LeakCheck, leakCheck } from "../../support/leak-check.ts";
import { MemoryDiscovery } from "../../support/memory-discovery.ts";
import { runNode } from "../../support/run-node.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { add, home, nestedHome, snooze } from "../fixtures/pool-routines.ts";
import { held, isAlive } from "./workers.ts";

const ROUTINES = new URL("../fixtures/pool-routines.ts", import.meta.url);

test("ProcessWorker.open starts a worker that others find by its discovery, with what is said of it", async () => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery("opened");
  await using worker = await ProcessWorker.open({ discovery, tags: ["gpu"], extra: { zone: "eu-1" } });
  await using pool = await WorkerPool.open({ discovery, tags: ["gpu"], ambient: false });

  assert.equal(await home.with({ pool })(), worker.metadata.uid);
  assert.deepEqual(pool.workers, [worker.metadata]);
  assert.deepEqual([worker.metadata.tags, worker.metadata.extra], [["gpu"], { zone: "eu-1" }]);
  assert.equal(worker.address, `unix:${worker.metadata.socket}`);
});

test("ProcessWorker.open takes what a factory takes, and needs no discovery", async () => {
  await using _leaks = leakCheck();
  await using worker = await ProcessWorker.open({ host: "127.0.0.1", modules: [ROUTINES], env: { A: "1" } });
  await using pool = await WorkerPool.open({
    discovery: new StaticDiscovery([worker.metadata]),
    ambient: false,
  });

  assert.match(worker.address, /^127\.0\.0\.1:\d+$/);
  assert.equal(await add.with({ pool })(1, 2), 3);
});

test("RunningWorker.close retracts it, lets calls in flight end, and leaves no process and no file", async () => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery("closing");
  const worker = await ProcessWorker.open({ discovery });
  await using pool = await WorkerPool.open({ discovery, ambient: false });
  await add.with({ pool })(1, 2);
  const call = snooze.with({ pool })(300);
  await eventually(() => pool.proxy.unsettled === 1);

  const closing = worker.close();
  await worker.close({ grace: 60_000 });

  assert.equal(await call, worker.metadata.uid);
  await closing;
  assert.equal(isAlive(worker.metadata.pid), false);
  assert.equal((await worker.exited).exitCode, 0);
  await eventually(() => pool.workers.length === 0);
});

test("RunningWorker.close does not wait longer than its shortest grace", async () => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery("hurried");
  const worker = await ProcessWorker.open({ discovery });
  // The call may cross the announcement of the end; then it waits so long for another worker.
  await using pool = await WorkerPool.open({ discovery, ambient: false, quorumTimeout: 5_000 });
  await add.with({ pool })(1, 2);
  const call = snooze.with({ pool })(600_000);
  call.catch(() => {});

  const closing = worker.close({ grace: Number.POSITIVE_INFINITY });
  await worker.close({ grace: 0 });
  await closing;

  await assert.rejects(call);
  assert.throws(() => void worker.close({ grace: -1 }), { option: "grace" });
});

test("a worker that was opened and is killed, or stopped by others, is retracted, and closing it does no more", async () => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery("ended");
  const ways = [
    async (worker: { readonly metadata: { readonly pid: number } }) => {
      process.kill(worker.metadata.pid, "SIGKILL");
    },
    async (worker: { readonly address: string }) => {
      await using connection = new WorkerConnection(worker.address);
      await connection.stop({ grace: 0 });
    },
  ];
  for (const end of ways) {
    const worker = await ProcessWorker.open({ discovery, host: "127.0.0.1", modules: [ROUTINES] });
    const { socket = "" } = worker.metadata;
    await using pool = await WorkerPool.open({ discovery, lazy: false, ambient: false });
    await eventually(() => pool.workers.length === 1);

    await end(worker);
    await held(worker.exited);
    await eventually(() => pool.workers.length === 0 && !existsSync(socket));
    await worker.close();
  }
});

test("ProcessWorker.open leaves nothing running when the worker cannot be announced, or does not come up", async () => {
  await using _leaks = leakCheck();

  // The local network has no use for a worker without a port.
  await assert.rejects(ProcessWorker.open({ discovery: new LanDiscovery("opened") }), {
    code: "ERR_MERINO_INVALID_OPTION",
  });
  await assert.rejects(ProcessWorker.open({ host: "192.0.2.1", insecure: true }), {
    code: "ERR_MERINO_WORKER_START",
  });
  const discovery = new MemoryDiscovery();
  const bad = [
    { tags: [""] },
    { extra: { zone: 1 } },
    { discovery: {} },
    { retries: 1 },
    { startTimeout: 0 },
  ];
  for (const options of bad) {
    await assert.rejects(ProcessWorker.open({ discovery, ...options } as never), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: Object.keys(options)[0],
    });
  }
  await assert.rejects(ProcessWorker.open(null as never), { option: "options" });
});

test("RunningWorker.close says that its announcement could not be taken back, and ends it all the same", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  class Stuck extends MemoryDiscovery {
    override publisher(): Publisher {
      const publish = async (): Promise<void> => {};
      return { publish, close: () => Promise.reject(new Error("no server")) };
    }
  }
  const worker = await ProcessWorker.open({ discovery: new Stuck() });

  await worker.close();

  assert.equal(isAlive(worker.metadata.pid), false);
  assert.deepEqual(warnings.codes, ["MERINO_PUBLISH_FAILED"]);
});

test("calls nested in tasks of network callers reach the workers of the discovery that a worker is announced in", async () => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery("nested-network");
  const options = { host: "127.0.0.1", modules: [ROUTINES] };
  await using opened = await ProcessWorker.open({ ...options, discovery });
  await using farm = await WorkerPool.open({
    size: 1,
    discovery,
    worker: ProcessWorker.factory(options),
    ambient: false,
  });
  const [spawned] = farm.workers.filter(({ uid }) => uid !== opened.metadata.uid);
  assert.ok(spawned !== undefined);

  for (const { socket: _, hostId: __, ...remote } of [opened.metadata, spawned]) {
    // Calls one of them over the network, and names the discovery for what is called from there.
    const source = new StaticDiscovery([remote]);
    const named = {
      publisher: () => source.publisher(),
      subscribe: () => source.subscribe(),
      descriptor: discovery.descriptor,
    };
    await using pool = await WorkerPool.open({ discovery: named, ambient: false });

    const { outer, inner } = await nestedHome.with({ pool })();

    assert.equal(outer, remote.uid);
    assert.ok([opened.metadata.uid, spawned.uid].includes(inner));
  }
});

test("a program that awaits the end of its worker stays until then", async () => {
  await using leaks: LeakCheck = leakCheck();
  // The end comes some turns of the loop later, when nothing else of the program's is under way but that it waits.
  const program = (end: string): string => `
    import { ProcessWorker } from ${JSON.stringify(import.meta.resolve("merino"))};
    const worker = await ProcessWorker.open();
    const later = (turns) => setImmediate(() => { if (turns > 0) later(turns - 1); else ${end} });
    later(20);
    console.log("end", (await worker.exited).signal);`;
  const run = (lines: string) =>
    runNode(["--input-type=module", "--eval", program(lines)], {
      env: { XDG_RUNTIME_DIR: leaks.runtimeRoot },
    });

  const [killed, closed] = await Promise.all([
    run('process.kill(worker.metadata.pid, "SIGKILL");'),
    run("worker.close();"),
  ]);

  assert.deepEqual([killed.exitCode, killed.stdout], [0, "end SIGKILL\n"], killed.stderr);
  assert.deepEqual([closed.exitCode, closed.stdout], [0, "end undefined\n"], closed.stderr);
});
