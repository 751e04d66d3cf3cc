/** One place in a pool, whose workers here are no processes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import type { WorkerEvent } from "../../../../src/pool/pool-event.ts";
import { WorkerSlot } from "../../../../src/pool/workers/worker-slot.ts";
import type { ParentMessage, Worker, WorkerContext, WorkerExit } from "../../../../src/process/worker.ts";
import type { WorkerExitMessage, WorkerMessage } from "../../../../src/telemetry/worker-message.ts";
import { eventually } from "../../../support/eventually.ts";
import { COMPLETED, FAILED, followChannel, followTracing } from "../../../support/follow-channels.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const ENTRY = "file:///p/main.js";
const PROGRAM = { execArgv: ["--no-warnings"], argv: ["node", "/p/main.js"], env: { A: "1" }, cwd: "/p" };

const RETIREMENT = { graceMs: Number.POSITIVE_INFINITY, killAfterMs: 5 };

/** A worker that is ready when it is told to be, and ends when it is told to. */
class StubWorker implements Worker {
  readonly uid: string;
  readonly pid = undefined;
  readonly exited: Promise<WorkerExit>;
  readonly notices: string[] = [];
  readonly context: WorkerContext;
  onMessage: Worker["onMessage"];
  killed = false;
  readonly #exit = createDeferred<WorkerExit>();
  readonly #ready = createDeferred<void>();

  constructor(context: WorkerContext) {
    this.context = context;
    this.uid = context.uid;
    this.exited = this.#exit.promise;
  }

  become(what: "ready" | "unable"): void {
    if (what === "ready") this.#ready.resolve();
    else this.#ready.reject(new Error("not today"));
  }

  end(exit: Partial<WorkerExit> = {}): void {
    this.#exit.resolve({ exitCode: 0, signal: undefined, stderr: "", ...exit });
  }

  async start() {
    await this.#ready.promise;
    return workerMetadata({ uid: this.uid });
  }

  async stop({ killAfter }: { readonly killAfter: number }): Promise<WorkerExit> {
    this.killed ||= killAfter === 0;
    this.end();
    return this.exited;
  }

  notify(message: ParentMessage): void {
    this.notices.push(message.type);
  }
}

function useSlot({ respawn = true, isGrown = false } = {}) {
  const made: StubWorker[] = [];
  const log: string[] = [];
  const left: string[] = [];
  let refusals = 0;
  const events: WorkerEvent[] = [];
  const nameOf = (uid: string): string => `w${made.findIndex((worker) => worker.uid === uid)}`;
  const slot = new WorkerSlot({
    factory: (context) => {
      refusals -= 1;
      if (refusals >= 0) throw new Error("not today");
      const worker = new StubWorker(context);
      made.push(worker);
      return worker;
    },
    tags: [],
    extra: {},
    slot: 0,
    entry: ENTRY,
    program: PROGRAM,
    startTimeoutMs: 1_000,
    respawn,
    isGrown,
    ready: ({ uid }, _hidden, how) => log.push(`ready ${nameOf(uid)}${how === undefined ? "" : ` ${how}`}`),
    takesOver: ({ uid }, _hidden, instead) =>
      log.push(`announced ${nameOf(uid)}${instead === undefined ? "" : ` for ${nameOf(instead.uid)}`}`),
    left: (uid) => left.push(nameOf(uid)),
    gone: (uid) => log.push(`gone ${nameOf(uid)}`),
    retired: ({ uid }) => log.push(`retired ${nameOf(uid)}`),
    event: (event) => void events.push(event),
    unresponsive: (uid, { culprit }) => log.push(`unresponsive ${uid} ${culprit}`),
    importFailed: (uid) => log.push(`import failed ${uid}`),
  });
  const worker = (index: number): StubWorker => made[index] ?? assert.fail(`no worker ${index}`);
  return {
    slot,
    made,
    log,
    left,
    events,
    worker,
    /** Has the next attempts to make a worker fail. */
    refuse: (count: number) => {
      refusals = count;
    },
    ofType: (type: WorkerEvent["type"]) => events.filter((event) => event.type === type),
    async started() {
      const starting = slot.start();
      worker(0).become("ready");
      await starting;
      return worker(0);
    },
    makes: (count: number) => eventually(() => made.length === count, { what: `${count} workers were made` }),
  };
}

test("WorkerSlot tells every worker, the first and those after it, the same of the program", async () => {
  const { slot, worker, started, makes } = useSlot();
  const first = await started();
  slot.renew(RETIREMENT);
  await makes(2);

  for (const { context } of [first, worker(1)]) {
    assert.deepEqual([context.entry, context.program], [ENTRY, PROGRAM]);
  }
  await slot.stop(0);
});

test("WorkerSlot replaces a worker beside it, and lets it go once the other one is ready", async () => {
  const { slot, log, worker, started, makes, ofType } = useSlot();
  const old = await started();

  assert.equal(slot.replace(old.uid), true);
  await makes(2);
  const during = [...slot.uids];
  assert.deepEqual(old.notices, []);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1"));

  assert.equal(during.length, 2);
  assert.deepEqual(old.notices, ["merino:retire"]);
  assert.equal(slot.replace(old.uid), true, "it has been");
  old.end();
  await eventually(() => log.includes("gone w0"));
  assert.deepEqual(slot.uids, [worker(1).uid]);
  assert.deepEqual(log, ["ready w0", "ready w1", "gone w0"]);
  assert.deepEqual(
    ofType("worker-exited").map((event) => "expected" in event && event.expected),
    [true],
  );
  assert.equal((await slot.describe(old.uid))?.exitCode, 0);
  await slot.stop(0);
});

test("WorkerSlot replaces at once, then with pauses, and once for however many failures", async () => {
  const { slot, made, worker, started, makes, ofType } = useSlot();
  await started();

  for (let round = 0; round < 3; round += 1) {
    const { uid } = worker(round);
    assert.deepEqual([slot.replace(uid), slot.replace(uid)], [true, true]);
    await makes(round + 2);
    assert.equal(slot.replace(uid), true);
    worker(round + 1).become("ready");
    await eventually(() => worker(round).notices.length > 0);
  }

  assert.equal(made.length, 4);
  const pauses = ofType("worker-replacing").map((event) =>
    event.type === "worker-replacing" ? event : undefined,
  );
  assert.deepEqual(
    pauses.map((event) => event?.attempt),
    [1, 2, 3],
  );
  assert.equal(pauses[0]?.delay, 0);
  assert.ok((pauses[1]?.delay ?? 0) > 0 && (pauses[2]?.delay ?? 0) > (pauses[1]?.delay ?? 0));
  await slot.stop(0);
});

test("WorkerSlot keeps the old worker while the new one does not come up, and starts another", async () => {
  const { slot, log, worker, started, makes } = useSlot();
  const old = await started();

  slot.replace(old.uid);
  await makes(2);
  worker(1).become("unable");
  worker(1).end({ exitCode: 1 });
  await makes(3);
  assert.deepEqual(old.notices, []);
  assert.ok(slot.uids.includes(old.uid));
  worker(2).become("ready");
  await eventually(() => old.notices.length > 0);

  assert.deepEqual(log, ["ready w0", "ready w2"]);
  await slot.stop(0);
});

test("WorkerSlot starts one worker, not two, when the old one dies while it is being replaced", async () => {
  const { slot, made, log, worker, started, makes } = useSlot();
  const old = await started();

  slot.replace(old.uid);
  await makes(2);
  old.end({ exitCode: 1 });
  await eventually(() => log.includes("gone w0"));
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1"));

  assert.equal(made.length, 2);
  await slot.stop(0);
});

test("WorkerSlot replaces nobody that it does not know, or that is not to be replaced", async () => {
  const { slot, started } = useSlot();
  const steady = useSlot({ respawn: false });
  const old = await started();
  const { uid } = await steady.started();

  assert.equal(slot.replace("somebody else's"), false);
  assert.equal(steady.slot.replace(uid), false);
  await Promise.all([slot.stop(0), steady.slot.stop(0)]);
  assert.equal(slot.replace(old.uid), false);
});

test("WorkerSlot ends all that it has started", async () => {
  const { slot, log, worker, started, makes } = useSlot();
  const old = await started();
  slot.replace(old.uid);
  await makes(2);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1"));

  await slot.stop(0);

  assert.deepEqual([old.killed, worker(1).killed], [true, true]);
  assert.deepEqual(slot.uids, []);
});

test("WorkerSlot kills no worker for what waits while that imports a module, until the import takes too long", async () => {
  const { slot, started, ofType } = useSlot();
  const worker = await started();
  const { uid } = worker;
  const suspicion = { culprit: "p/jobs.js#quick", certain: false };

  worker.onMessage?.({ type: "merino:importing", module: "file:///p/jobs.js", limitMs: 60_000 });
  assert.equal(slot.kill(uid, suspicion), true);
  assert.equal(worker.killed, false);
  worker.onMessage?.({ type: "merino:importing", module: "file:///p/jobs.js", limitMs: 0 });
  assert.equal(slot.kill(uid, suspicion), true);
  assert.equal(slot.kill(uid, suspicion), true);

  assert.equal(worker.killed, true);
  assert.deepEqual(ofType("worker-unresponsive"), [
    { type: "worker-unresponsive", uid, culprit: "file:///p/jobs.js" },
  ]);
  const { culprit, importing } = (await slot.describe(uid)) ?? {};
  assert.deepEqual([culprit, importing], ["file:///p/jobs.js", "file:///p/jobs.js"]);
  await slot.stop(0);
});

for (const [name, certain, imported] of [
  ["a body that is known to have its thread, whatever it imports", true, false],
  ["what seems to block it once its import is over", false, true],
] as const) {
  test(`WorkerSlot kills a worker for ${name}`, async () => {
    const { slot, started, ofType } = useSlot();
    const worker = await started();

    worker.onMessage?.({ type: "merino:importing", module: "file:///p/jobs.js", limitMs: 60_000 });
    if (imported) worker.onMessage?.({ type: "merino:imported", module: "file:///p/jobs.js" });
    slot.kill(worker.uid, { culprit: "p/jobs.js#spin", certain });

    assert.equal(worker.killed, true);
    assert.deepEqual(
      ofType("worker-unresponsive").map((event) => "culprit" in event && event.culprit),
      ["p/jobs.js#spin"],
    );
    await slot.stop(0);
  });
}

test("WorkerSlot says what a worker was importing when it died, and what to do if that was the entry", async () => {
  const { slot, started } = useSlot();
  const worker = await started();

  worker.onMessage?.({ type: "merino:importing", module: "file:///p/jobs.js", limitMs: 1 });
  worker.onMessage?.({ type: "merino:importing", module: ENTRY, limitMs: 1 });
  worker.onMessage?.({ type: "merino:imported", module: "file:///p/jobs.js" });
  worker.end({ exitCode: 1 });
  const { importing, advice, exitCode } = (await slot.describe(worker.uid)) ?? {};

  assert.deepEqual([importing, exitCode], [ENTRY, 1]);
  assert.match(advice ?? "", /isMain/);
  await slot.stop(0);
});

test("WorkerSlot gives that advice for a taken port as well, which may be noticed after the import", async () => {
  const [port, other] = [useSlot(), useSlot()];
  const stderr = { port: "Error: listen EADDRINUSE: address already in use :::80", other: "Error: no" };

  const told = await Promise.all(
    [port, other].map(async ({ slot, started }) => {
      const worker = await started();
      worker.end({ exitCode: 1, stderr: slot === port.slot ? stderr.port : stderr.other });
      return (await slot.describe(worker.uid))?.advice;
    }),
  );

  assert.match(told[0] ?? "", /isMain/);
  assert.equal(told[1], undefined);
  await Promise.all([port.slot.stop(0), other.slot.stop(0)]);
});

test("WorkerSlot passes on what its worker says of others", async () => {
  const { slot, log, started } = useSlot();
  const worker = await started();

  worker.onMessage?.({ type: "merino:unresponsive", uid: "x", culprit: "spin", certain: true });
  worker.onMessage?.({ type: "merino:import-failed", uid: "y" });

  assert.deepEqual(log.slice(1), ["unresponsive x spin", "import failed y"]);
  await slot.stop(0);
});

test("WorkerSlot has a worker with old code take no more calls at once, and starts another, also one that never respawns", async () => {
  const { slot, log, worker, makes, started } = useSlot({ respawn: false });
  const old = await started();

  slot.renew(RETIREMENT);
  assert.deepEqual(log, ["ready w0", "retired w0"]);
  assert.deepEqual(old.notices, ["merino:retire"]);
  old.end();
  await old.exited;
  await makes(2);
  assert.equal(slot.due, true);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1"));

  assert.deepEqual(log, ["ready w0", "retired w0", "gone w0", "ready w1"]);
  await slot.stop(0);
});

test("WorkerSlot without respawn tries again to replace a worker with old code, also where none could be made", async () => {
  const { slot, log, worker, makes, started, refuse } = useSlot({ respawn: false });
  const old = await started();
  refuse(1);
  slot.renew(RETIREMENT);
  old.end();

  await makes(2);
  worker(1).become("unable");
  worker(1).end({ exitCode: 1 });
  await makes(3);
  worker(2).become("ready");
  await eventually(() => log.includes("ready w2"));
  worker(2).end({ exitCode: 1 });
  await eventually(() => slot.uids.length === 0);

  assert.equal(slot.due, false); // that was no reload
  await slot.stop(0);
});

test("WorkerSlot replaces a worker that was starting during a reload before it serves", async () => {
  const { slot, log, worker, makes, ofType } = useSlot();
  const starting = slot.start();
  slot.renew(RETIREMENT);
  slot.renew(RETIREMENT);

  worker(0).become("ready");
  await starting;
  await makes(2);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1"));

  assert.deepEqual(log, ["ready w1"]);
  assert.deepEqual(worker(0).notices, ["merino:retire"]);
  assert.equal(ofType("worker-retired").length, 1);
  await slot.stop(0);
});

test("WorkerSlot retires the one that serves and the one that was to replace it, in one reload", async () => {
  const { slot, log, worker, makes, started } = useSlot();
  const first = await started();
  slot.replace(first.uid);
  await makes(2);

  slot.renew(RETIREMENT);
  worker(1).become("ready");
  await makes(3);
  worker(2).become("ready");
  await eventually(() => log.includes("ready w2"));

  assert.deepEqual(log, ["ready w0", "retired w0", "ready w2"]);
  await slot.stop(0);
});

test("WorkerSlot ends a retired worker that takes longer than its calls may", async () => {
  const { slot, makes, started } = useSlot();
  const old = await started();

  slot.renew({ graceMs: 1, killAfterMs: 0 });

  await eventually(() => old.killed, { what: "it was ended" });
  await makes(2);
  await slot.stop(0);
});

test("WorkerSlot tells what became of a retired worker, and kills it if it is blocked", async () => {
  const { slot, makes, started } = useSlot();
  const old = await started();
  slot.renew(RETIREMENT);

  slot.kill(old.uid, { culprit: "jobs.js#spin", certain: true });

  assert.equal(old.killed, true);
  assert.equal((await slot.describe(old.uid))?.culprit, "jobs.js#spin");
  await makes(2);
  await slot.stop(0);
});

test("WorkerSlot has the channels tell of every worker, whatever made it: starts, failures, and whether ends were meant", async () => {
  using workers = followTracing<WorkerMessage>("merino:worker");
  using exits = followChannel<WorkerExitMessage>("merino:worker:exit");
  const { slot, worker, started, makes } = useSlot();
  const first = await started();
  first.end({ exitCode: 3 });
  await makes(2);
  worker(1).become("unable");
  worker(1).end({ exitCode: 1 });
  await makes(3);
  await slot.stop(0);
  await eventually(() => exits.told.length === 3);

  const partsOf = (uid: string): string[] =>
    workers.told.filter(({ message }) => message.uid === uid).map(({ part }) => part);
  assert.deepEqual(partsOf(first.uid), COMPLETED);
  assert.deepEqual(partsOf(worker(1).uid), FAILED);
  assert.equal(
    String(workers.told.find(({ message }) => message.uid === worker(1).uid)?.message.error),
    "Error: not today",
  );
  assert.deepEqual(exits.told, [
    { uid: first.uid, pid: undefined, exitCode: 3, signal: undefined, expected: false },
    { uid: worker(1).uid, pid: undefined, exitCode: 1, signal: undefined, expected: false },
    { uid: worker(2).uid, pid: undefined, exitCode: 0, signal: undefined, expected: true },
  ]);
});

const WEAR = { reason: "calls", value: 50 } as const;

test("WorkerSlot has a worn worker serve until another one can be called, and announces that once it is gone", async () => {
  const { slot, log, left, worker, started, makes, ofType } = useSlot();
  const old = await started();
  log.length = 0;

  assert.equal(slot.recycle(old.uid, WEAR, RETIREMENT), true);
  assert.equal(slot.recycle(old.uid, WEAR, RETIREMENT), false, "it is on its way");
  await makes(2);
  worker(1).become("ready");
  await eventually(() => log.length === 1);
  assert.deepEqual([log, old.notices], [["ready w1 beside"], []], "it is not connected yet");
  slot.connected(worker(1).uid);

  assert.deepEqual(log, ["ready w1 beside", "retired w0", "announced w1 for w0"]);
  assert.deepEqual([old.notices, left], [["merino:retire"], ["w0"]]);
  assert.deepEqual(ofType("worker-recycling"), [{ type: "worker-recycling", uid: old.uid, ...WEAR }]);
  assert.deepEqual(ofType("worker-retired"), [{ type: "worker-retired", uid: old.uid, reason: "recycled" }]);
  old.end();
  await eventually(() => log.includes("gone w0"));
  assert.deepEqual(slot.uids, [worker(1).uid]);
  await slot.stop(0);
});

test("WorkerSlot keeps a worn worker while the one in its place does not come up, and tries again", async () => {
  for (const respawn of [true, false]) {
    const { slot, log, worker, started, makes, ofType } = useSlot({ respawn });
    const old = await started();

    slot.recycle(old.uid, WEAR, RETIREMENT);
    await makes(2);
    worker(1).become("unable");
    worker(1).end({ exitCode: 1 });
    await makes(3);
    assert.deepEqual([old.notices, old.killed, slot.serving?.uid], [[], false, old.uid]);
    worker(2).become("ready");
    await eventually(() => log.includes("ready w2 beside"));
    slot.connected(worker(2).uid);

    assert.equal(ofType("worker-failed").length, 1);
    assert.deepEqual(old.notices, ["merino:retire"]);
    await slot.stop(0);
  }
});

test("WorkerSlot without respawn tries again to replace a worn worker for which none could be made", async () => {
  const { slot, log, worker, started, makes, refuse } = useSlot({ respawn: false });
  const old = await started();

  refuse(1);
  slot.recycle(old.uid, WEAR, RETIREMENT);
  await makes(2);
  assert.equal(slot.serving?.uid, old.uid);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1 beside"));
  slot.connected(worker(1).uid);

  assert.deepEqual(old.notices, ["merino:retire"]);
  await slot.stop(0);
});

test("WorkerSlot without respawn stays empty if the worn worker and the new one have died", async () => {
  const { slot, worker, started, makes, made, events } = useSlot({ respawn: false });
  const old = await started();
  slot.recycle(old.uid, WEAR, RETIREMENT);
  await makes(2);

  old.end({ exitCode: undefined, signal: "SIGKILL" });
  await eventually(() => slot.uids.length === 1);
  worker(1).become("unable");
  worker(1).end({ exitCode: 1 });
  await eventually(() => slot.uids.length === 0);

  assert.deepEqual([slot.due, made.length], [false, 2]);
  assert.ok(!events.some(({ type }) => type === "worker-replacing"));
  await slot.stop(0);
});

test("WorkerSlot announces the new worker alone, if the worn one has died meanwhile", async () => {
  for (const when of ["before it is ready", "before it is connected"]) {
    const { slot, log, worker, started, makes, made } = useSlot();
    const old = await started();
    slot.recycle(old.uid, WEAR, RETIREMENT);
    await makes(2);
    log.length = 0;

    if (when === "before it is connected") worker(1).become("ready");
    if (when === "before it is connected") await eventually(() => log.includes("ready w1 beside"));
    old.end({ exitCode: undefined, signal: "SIGKILL" });
    await eventually(() => log.includes("gone w0"));
    worker(1).become("ready");
    await eventually(() => log.some((entry) => entry.startsWith("ready w1")));
    slot.connected(worker(1).uid);

    const expected =
      when === "before it is ready"
        ? ["gone w0", "ready w1"]
        : ["ready w1 beside", "gone w0", "announced w1"];
    assert.deepEqual([log, made.length], [expected, 2], when);
    await slot.stop(0);
  }
});

test("WorkerSlot keeps the worn worker if the new one dies before it is connected", async () => {
  const { slot, log, worker, started, makes } = useSlot();
  const old = await started();
  slot.recycle(old.uid, WEAR, RETIREMENT);
  await makes(2);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1 beside"));

  worker(1).end({ exitCode: undefined, signal: "SIGKILL" });
  await makes(3);
  slot.connected(worker(1).uid);
  assert.deepEqual([old.notices, slot.serving?.uid], [[], old.uid]);
  worker(2).become("ready");
  await eventually(() => log.includes("ready w2 beside"));
  slot.connected(worker(2).uid);

  assert.deepEqual(old.notices, ["merino:retire"]);
  assert.ok(log.includes("announced w2 for w0"));
  await slot.stop(0);
});

test("WorkerSlot ends both workers when it is stopped while one is recycled", async () => {
  for (const isReady of [false, true]) {
    const { slot, log, worker, started, makes, made } = useSlot();
    const old = await started();
    slot.recycle(old.uid, WEAR, RETIREMENT);
    await makes(2);
    if (isReady) worker(1).become("ready");
    if (isReady) await eventually(() => log.includes("ready w1 beside"));

    await slot.stop(0);
    slot.connected(worker(1).uid);

    assert.deepEqual([old.killed, worker(1).killed, made.length], [true, true, 2]);
    assert.ok(!log.some((entry) => entry.startsWith("announced")));
    await eventually(() => slot.uids.length === 0);
  }
});

test("WorkerSlot replaces a worn worker and the new one when the program reloads a module", async () => {
  const { slot, log, worker, started, makes, ofType } = useSlot();
  const old = await started();
  slot.recycle(old.uid, WEAR, RETIREMENT);
  await makes(2);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1 beside"));

  slot.renew(RETIREMENT);
  await makes(3);

  assert.deepEqual([old.notices, worker(1).notices], [["merino:retire"], ["merino:retire"]]);
  assert.deepEqual(
    ofType("worker-retired").map((event) => "reason" in event && event.reason),
    ["reload", "reload"],
  );
  await slot.stop(0);
});

test("WorkerSlot that is given up has its worker finish, and starts no other", async () => {
  const { slot, log, started, made } = useSlot();
  const only = await started();
  log.length = 0;

  slot.vacate();
  assert.deepEqual([log, only.notices, only.killed], [["retired w0"], ["merino:retire"], false]);
  only.end();
  await eventually(() => log.includes("gone w0"));

  assert.deepEqual([slot.uids, slot.due, made.length], [[], false, 1]);
});

test("WorkerSlot that is one more tries again if its first worker does not come up, and says which that is", async () => {
  const { slot, log, worker, makes } = useSlot({ isGrown: true });
  const starting = slot.start();
  worker(0).become("unable");
  worker(0).end({ exitCode: 1 });
  await assert.rejects(starting);

  await makes(2);
  worker(1).become("ready");
  await eventually(() => log.includes("ready w1 grown"));
  worker(1).end();
  await makes(3);
  worker(2).become("ready");

  await eventually(() => log.includes("ready w2"));
  await slot.stop(0);
});
