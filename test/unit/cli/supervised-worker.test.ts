/** The life of one worker of the command, without processes: which steps are taken, and when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SupervisedWorker } from "../../../src/cli/supervised-worker.ts";
import { WorkerStartError } from "../../../src/errors/worker-start-error.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { DeadlineQueue } from "../../../src/internal/time/deadline-queue.ts";
import { type RecycleOptions, resolveRecycle } from "../../../src/process/recycle/recycle-options.ts";
import { RecycleTurns } from "../../../src/process/recycle/recycle-turns.ts";
import type { ChildMessage, Worker, WorkerContext, WorkerExit } from "../../../src/process/worker.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { type FakeClock, useFakeClock } from "../../support/use-fake-clock.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

/** A process that does what the test says, and notes what it is told. */
class FakeProcess implements Worker {
  readonly uid: string;
  readonly pid = 4711;
  readonly exited: Promise<WorkerExit>;
  onMessage: ((message: ChildMessage) => void) | undefined = undefined;
  /** Whether it reads what it is told; a body that blocks its thread keeps it from that. */
  blocked = false;
  readonly #log: string[];
  readonly #exit = createDeferred<WorkerExit>();
  readonly #starts: boolean;

  constructor({ uid }: WorkerContext, log: string[], starts: boolean) {
    this.uid = uid;
    this.exited = this.#exit.promise;
    this.#log = log;
    this.#starts = starts;
    log.push("start");
  }

  start(): Promise<ReturnType<typeof workerMetadata>> {
    if (this.#starts) return Promise.resolve(workerMetadata({ uid: this.uid, address: "127.0.0.1:1" }));
    this.exit({ exitCode: 1 });
    return Promise.reject(new WorkerStartError("Cannot import 'jobs.js': no such luck"));
  }

  stop({ killAfter }: { readonly killAfter: number }): Promise<WorkerExit> {
    this.#log.push(`stop ${killAfter}`);
    if (killAfter === 0) this.exit({ signal: "SIGKILL" });
    else if (!this.blocked) this.onMessage?.({ type: "merino:stopping" });
    return this.exited;
  }

  notify({ type }: { readonly type: string }): void {
    this.#log.push(type);
  }

  exit(how: Partial<WorkerExit>): void {
    this.#exit.resolve({ exitCode: undefined, signal: undefined, stderr: "", ...how });
  }
}

interface Options {
  readonly restart?: boolean;
  readonly starts?: readonly boolean[];
  readonly recycle?: RecycleOptions;
  readonly turns?: RecycleTurns;
}

function supervise(clock: FakeClock, options: Options = {}) {
  const log: string[] = [];
  const said: string[] = [];
  const processes: FakeProcess[] = [];
  const supervised = new SupervisedWorker({
    factory: (context) => {
      const child = new FakeProcess(context, log, options.starts?.[processes.length] ?? true);
      processes.push(child);
      return child;
    },
    tags: [],
    extra: {},
    discoveries: [],
    publisher: { publish: async ({ type }) => void log.push(type), close: async () => {} },
    restart: options.restart ?? false,
    recycle: options.recycle && {
      limits: resolveRecycle(options.recycle),
      turns: options.turns ?? new RecycleTurns(() => ({ total: 1, serving: 1 })),
    },
    graceMs: 60_000,
    terminal: { out: (text) => log.push(text.trim()), err: (text) => said.push(text) },
    queue: new DeadlineQueue(clock),
  });
  const current = (): FakeProcess => processes.at(-1) ?? assert.fail("no process");
  return { supervised, log, said, processes, current };
}

async function serving(clock: FakeClock, options: Options = {}) {
  const parts = supervise(clock, options);
  await parts.supervised.start();
  await parts.supervised.announce();
  const ended = parts.supervised.serve();
  parts.log.length = 0;
  return { ...parts, ended };
}

test("SupervisedWorker retracts, retires, and waits for a worker that ends in time", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, current, ended } = await serving(clock, { restart: true });

  supervised.end(1_000);
  await clock.advance(0); // it has been retracted
  await clock.advance(999);
  current().exit({ exitCode: 0 });

  assert.equal(await ended, 0);
  assert.deepEqual(log, ["worker-dropped", "merino:retire"]);
});

test("SupervisedWorker lets one that heeds the end of its time take its last steps", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, current, ended } = await serving(clock);

  supervised.end(1_000);
  await clock.advance(0); // it has been retracted
  await clock.advance(4_000);
  current().exit({ exitCode: 0 });

  assert.equal(await ended, 0);
  assert.deepEqual(log, ["worker-dropped", "merino:retire", "stop 5000"]);
});

test("SupervisedWorker kills a blocked one half a second after its time, and that counts as ended as asked", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, current, ended } = await serving(clock, { restart: true });
  current().blocked = true;

  supervised.end(1_000);
  await clock.advance(0); // it has been retracted
  await clock.advance(1_499);
  const before = [...log];
  await clock.advance(1);

  assert.equal(await ended, 0);
  assert.deepEqual(before, ["worker-dropped", "merino:retire", "stop 5000"]);
  assert.deepEqual(log, [...before, "stop 0"]);
});

test("SupervisedWorker shortens the time when it is asked again, and never lengthens it", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, current, ended } = await serving(clock);
  current().blocked = true;

  supervised.end(Number.POSITIVE_INFINITY);
  await clock.advance(0);
  await clock.advance(100_000);
  current().onMessage?.({ type: "merino:stop-requested", why: "asked to stop", graceMs: 500 });
  supervised.end(60_000);
  await clock.advance(1_000);

  assert.equal(await ended, 0);
  assert.deepEqual(log, ["worker-dropped", "merino:retire", "stop 5000", "stop 0"]);
});

test("SupervisedWorker gives a worker that asks to be ended the time it names, no limit for null, its own for none", async () => {
  for (const [graceMs, limit] of [
    [50, "at most 50 ms"],
    [null, "no limit"],
    [undefined, "at most 60000 ms"],
  ] as const) {
    await using _leaks = leakCheck();
    using clock = useFakeClock();
    const { said, current, ended } = await serving(clock);

    current().onMessage?.({ type: "merino:stop-requested", why: "asked to stop", graceMs });
    await clock.advance(0);
    current().exit({ exitCode: 0 });
    await ended;

    assert.deepEqual(said, [`merino: asked to stop; ending, with ${limit} for calls under way\n`]);
  }
});

test("SupervisedWorker ends with the status of a worker that ends by itself, unless it is to be restarted", async () => {
  for (const [exit, status] of [
    [{ signal: "SIGSEGV" }, 128 + 11],
    [{ exitCode: 3 }, 3],
    [{ exitCode: 0 }, 0],
  ] as const) {
    await using _leaks = leakCheck();
    using clock = useFakeClock();
    const { log, processes, current, ended } = await serving(clock);

    current().exit(exit);

    assert.equal(await ended, status);
    assert.deepEqual(log, ["worker-dropped"]);
    assert.equal(processes.length, 1);
  }
});

test("SupervisedWorker replaces one that ends by itself after growing pauses, until one comes up", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const starts = [true, false, false, true];
  const { supervised, log, said, processes, current, ended } = await serving(clock, {
    restart: true,
    starts,
  });

  current().exit({ exitCode: 0 });
  await clock.advance(79);
  const early = processes.length;
  await clock.advance(1_000);
  const late = [...log];
  supervised.end(0);
  await clock.advance(0);
  current().exit({ exitCode: 0 });

  assert.equal(early, 1);
  assert.deepEqual(
    late.filter((step) => !step.startsWith("stop")),
    ["worker-dropped", "start", "start", "start", "worker-added", "127.0.0.1:1"],
  );
  assert.match(said.join(""), /worker \(pid 4711\) exited with code 0/);
  assert.match(said.join(""), /^merino: Cannot import 'jobs\.js': no such luck; trying again$/m);
  assert.equal(await ended, 0);
});

test("SupervisedWorker starts no other once it is to end", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, processes, current, ended } = await serving(clock, { restart: true });

  current().exit({ exitCode: 1 });
  await clock.advance(10);
  supervised.end(60_000);

  assert.equal(await ended, 0);
  await clock.advance(60_000);
  assert.equal(processes.length, 1);
});

test("SupervisedWorker that is ended while it starts ends as it was asked to, and has not failed", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, current } = supervise(clock, { starts: [false] });
  const starting = supervised.start();
  supervised.end(1_000);
  current().exit({ exitCode: 1 });

  await starting;
  await supervised.announce();

  assert.equal(await supervised.serve(), 0);
  assert.deepEqual(log, ["start", "stop 0"]);
});

for (const [what, exit, status] of [
  ["an uncaught error", { exitCode: 1 }, 1],
  ["a fault in native code", { signal: "SIGSEGV" }, 128 + 11],
  ["the system, for want of memory", { signal: "SIGKILL" }, 128 + 9],
  ["process.exit(3) in a body", { exitCode: 3 }, 3],
  ["process.exit() in a body", { exitCode: 0 }, 0],
] as const) {
  test(`SupervisedWorker that is to end and is ended by ${what} ends with status ${status}`, async () => {
    for (const restart of [false, true]) {
      await using _leaks = leakCheck();
      using clock = useFakeClock();
      const { supervised, said, current, ended } = await serving(clock, { restart });

      supervised.end(1_000);
      await clock.advance(500);
      current().exit(exit);

      assert.equal(await ended, status);
      assert.equal(said.length, status === 0 ? 0 : 1);
    }
  });
}

test("SupervisedWorker that crashes when its time is over ends with that status, and one that is killed for it with 0", async () => {
  for (const [exit, status] of [
    [{ exitCode: 1 }, 1],
    [{ signal: "SIGABRT" }, 128 + 6],
    [{ signal: "SIGKILL" }, 0],
  ] as const) {
    await using _leaks = leakCheck();
    using clock = useFakeClock();
    const { supervised, current, ended } = await serving(clock);

    supervised.end(1_000);
    await clock.advance(0);
    await clock.advance(1_100);
    current().exit(exit);

    assert.equal(await ended, status);
  }
});

test("SupervisedWorker that has crashed and is then asked to end has crashed all the same", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, processes, current, ended } = await serving(clock);

  current().exit({ signal: "SIGSEGV" });
  await Promise.resolve(); // its end is known, and it is being retracted
  supervised.end(1_000);

  assert.equal(await ended, 128 + 11);
  assert.equal(processes.length, 1);
});

const WORN: ChildMessage = { type: "merino:worn", limit: "calls", value: 5 };

test("SupervisedWorker ends a worn worker in order and starts another at once, also where none is restarted", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, said, processes, current, ended } = await serving(clock, {
    recycle: { calls: 5 },
  });

  current().onMessage?.(WORN);
  current().onMessage?.(WORN);
  await clock.advance(0);
  assert.deepEqual(log, ["worker-dropped", "merino:retire"]);
  await clock.advance(30_000); // it has calls
  current().exit({ exitCode: 0 });
  await clock.advance(0);

  assert.deepEqual(log.slice(2), ["start", "worker-added", "127.0.0.1:1"]);
  assert.equal(said.length, 1);
  await clock.advance(600_000);
  assert.equal(processes.length, 2);
  assert.deepEqual(log.slice(5), [], "nothing of the first is held against the second");
  supervised.end(1_000);
  await clock.advance(0);
  current().exit({ exitCode: 0 });
  assert.equal(await ended, 0);
});

test("SupervisedWorker ends a worn worker that takes longer than its grace, and starts another all the same", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, processes, current, ended } = await serving(clock, { recycle: { calls: 5 } });
  current().blocked = true;

  current().onMessage?.(WORN);
  await clock.advance(60_000);
  await clock.advance(500);

  await clock.advance(0);
  assert.deepEqual(log.slice(0, 5), ["worker-dropped", "merino:retire", "stop 5000", "stop 0", "start"]);
  assert.equal(processes.length, 2);
  supervised.end(0);
  await clock.advance(0);
  current().exit({ exitCode: 0 });
  assert.equal(await ended, 0);
});

test("SupervisedWorker that is told to end while it is worn ends, and starts no other", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, log, processes, current, ended } = await serving(clock, { recycle: { calls: 5 } });
  current().onMessage?.(WORN);
  await clock.advance(0);

  supervised.end(1_000);
  await clock.advance(999);
  assert.deepEqual(log, ["worker-dropped", "merino:retire"], "not before its time");
  current().exit({ exitCode: 0 });

  assert.equal(await ended, 0);
  assert.equal(processes.length, 1);
});

test("SupervisedWorker replaces a worker by its age, and one that does not come up again after a pause", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const { supervised, processes, current, ended } = await serving(clock, {
    recycle: { age: 1_000, jitter: 0 },
    starts: [true, false, true],
  });

  await clock.advance(1_000);
  current().exit({ exitCode: 0 });
  await clock.advance(0);
  assert.equal(processes.length, 2);
  await clock.advance(200);
  assert.equal(processes.length, 3);

  supervised.end(0);
  await clock.advance(0);
  current().exit({ exitCode: 0 });
  assert.equal(await ended, 0);
});

test("SupervisedWorker waits for its turn, and serves meanwhile", async () => {
  await using _leaks = leakCheck();
  using clock = useFakeClock();
  const turns = new RecycleTurns(() => ({ total: 2, serving: 2 }));
  const one = await serving(clock, { recycle: { calls: 5 }, turns });
  const other = await serving(clock, { recycle: { calls: 5 }, turns });

  one.current().onMessage?.(WORN);
  other.current().onMessage?.(WORN);
  await clock.advance(0);
  assert.deepEqual([one.log.length, other.log.length], [2, 0]);
  one.current().exit({ exitCode: 0 });
  await clock.advance(0);

  assert.deepEqual(other.log, ["worker-dropped", "merino:retire"]);
  for (const { supervised, current, ended } of [one, other]) {
    supervised.end(0);
    await clock.advance(0);
    current().exit({ exitCode: 0 });
    assert.equal(await ended, 0);
  }
});
