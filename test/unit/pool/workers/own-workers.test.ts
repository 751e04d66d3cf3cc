/** A pool's own workers, which here are no processes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { OwnWorkers } from "../../../../src/pool/workers/own-workers.ts";
import { programState } from "../../../../src/process/launch/program-state.ts";
import { resolveRecycle } from "../../../../src/process/recycle/recycle-options.ts";
import type { ParentMessage, Worker, WorkerContext, WorkerExit } from "../../../../src/process/worker.ts";
import { eventually } from "../../../support/eventually.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

/** A worker that starts, or does not, and ends when it is told to. */
class StubWorker implements Worker {
  readonly uid: string;
  readonly pid = undefined;
  readonly exited: Promise<WorkerExit>;
  readonly notices: ParentMessage[] = [];
  readonly killAfter: number[] = [];
  onMessage: Worker["onMessage"];
  readonly #exit = createDeferred<WorkerExit>();
  readonly reports: WorkerContext["reports"];
  readonly slot: number | undefined;
  readonly #starts: boolean;

  constructor({ uid, reports, slot }: WorkerContext, starts: boolean) {
    this.uid = uid;
    this.reports = reports;
    this.slot = slot;
    this.exited = this.#exit.promise;
    this.#starts = starts;
  }

  async start() {
    if (this.#starts) return workerMetadata({ uid: this.uid });
    this.#exit.resolve({ exitCode: 1, signal: undefined, stderr: "" });
    throw new Error("not today");
  }

  async stop({ killAfter }: { readonly killAfter: number }): Promise<WorkerExit> {
    this.killAfter.push(killAfter);
    this.#exit.resolve({ exitCode: 0, signal: undefined, stderr: "" });
    return this.exited;
  }

  notify(message: ParentMessage): void {
    this.notices.push(message);
  }
}

/** `starts` tells for each worker, in the order they are made, whether it comes up; those made later do. */
function useWorkers(
  starts: readonly boolean[],
  { respawn = false, ...others }: Partial<ConstructorParameters<typeof OwnWorkers>[0]> = {},
) {
  const made: StubWorker[] = [];
  const gone: string[] = [];
  const retired: string[] = [];
  const ready: string[] = [];
  const workers = new OwnWorkers({
    size: others.size ?? starts.length,
    factory: (context) => {
      const worker = new StubWorker(context, starts[made.length] ?? true);
      made.push(worker);
      return worker;
    },
    tags: [],
    extra: {},
    startTimeoutMs: 1_000,
    respawn,
    ...others,
    ready: ({ uid }) => void ready.push(uid),
    gone: (uid) => void gone.push(uid),
    retired: ({ uid }) => void retired.push(uid),
    event: () => {},
    // To the first one only.
    connectionTo: (uid) => (uid === made[0]?.uid ? { client: "us", session: 1 } : undefined),
  });
  return { workers, made, gone, retired, ready, uid: (index: number) => made[index]?.uid ?? "" };
}

test("OwnWorkers starts one in every place and says which did not come up", async () => {
  const { workers, made } = useWorkers([true, false, true]);

  const errors = await workers.start(undefined, programState());

  assert.equal(made.length, 3);
  assert.deepEqual(errors.map(String), ["Error: not today"]);
  assert.equal(workers.lastStartError?.message, "not today");
  await workers.stop(5);
  assert.deepEqual(made.filter(({ killAfter }) => killAfter.includes(5)).length, 2);
});

test("OwnWorkers are due while one is there or is to be replaced", async () => {
  const mortal = useWorkers([true]);
  const replaced = useWorkers([true], { respawn: true });
  const none = useWorkers([], { respawn: true }); // of a pool that only finds workers

  for (const { workers } of [mortal, replaced, none]) await workers.start(undefined, programState());
  assert.deepEqual([mortal.workers.due, replaced.workers.due, none.workers.due], [true, true, false]);
  await Promise.all([mortal.workers.stop(0), replaced.workers.stop(0)]);

  assert.equal(mortal.workers.due, false);
});

test("OwnWorkers awaits connections to all of its own, however many others there are", async () => {
  const { workers, uid } = useWorkers([true, true]);
  await workers.start(undefined, programState());
  let connected = false;

  const waiting = workers.awaitConnections().then(() => {
    connected = true;
  });
  for (const other of ["found", "also found", uid(0), uid(0)]) workers.connected(other);
  await new Promise(setImmediate);
  assert.equal(connected, false);
  workers.connected(uid(1));
  await waiting;

  await workers.stop(0);
});

test("OwnWorkers drains those that it is connected to, for all callers but its pool", async () => {
  const { workers, made, uid } = useWorkers([true, true]);
  await workers.start(undefined, programState());

  workers.drain();
  workers.drain("somebody else's");
  workers.drain(uid(0));

  const drain = { type: "merino:drain", except: { client: "us", session: 1 } };
  assert.deepEqual(
    made.map(({ notices }) => notices),
    [[drain, drain], []],
  );
  await workers.stop(0);
});

test("OwnWorkers kills the blocked one at once, and knows of whom it lost by whose fault", async () => {
  const { workers, made, gone, uid } = useWorkers([true, true]);
  await workers.start(undefined, programState());

  workers.kill(uid(1), { culprit: "jobs.js#spin", certain: false });
  await made[1]?.exited;
  const loss = await workers.describeLoss(uid(1));

  assert.deepEqual(
    made.map(({ killAfter }) => killAfter),
    [[], [0]],
  );
  assert.equal(loss?.culprit, "jobs.js#spin");
  assert.equal(await workers.describeLoss("somebody else's"), undefined);
  assert.deepEqual(gone, [uid(1)]);
  await workers.stop(0);
});

test("OwnWorkers puts new ones in the places of those that serve, which finish their calls", async () => {
  const { workers, made, gone, retired, ready, uid } = useWorkers([true, true]);
  await workers.start(undefined, programState());

  workers.renew({ graceMs: 50_000, killAfterMs: 5 });

  assert.deepEqual(retired, [uid(0), uid(1)]);
  assert.equal(workers.due, true);
  await eventually(() => ready.length === 4);
  assert.deepEqual(
    made.map(({ notices }) => notices),
    [[{ type: "merino:retire" }], [{ type: "merino:retire" }], [], []],
  );
  // A second reload finds the new ones.
  workers.renew({ graceMs: 50_000, killAfterMs: 5 });
  assert.deepEqual(retired.slice(2), [uid(2), uid(3)]);
  await eventually(() => ready.length === 6);
  await workers.stop(7);
  assert.deepEqual(
    made.map(({ killAfter }) => killAfter),
    made.map(() => [7]),
  );
  assert.equal(gone.length, 6);
});

const RECYCLE = {
  limits: resolveRecycle({ calls: 10, jitter: 0 }),
  retirement: { graceMs: Number.POSITIVE_INFINITY, killAfterMs: 5 },
};

test("OwnWorkers replaces worn workers one after the other", async () => {
  const { workers, made } = useWorkers([true, true], { recycle: RECYCLE });
  await workers.start(undefined, programState());
  const [first, second] = made;
  assert.deepEqual(first?.reports, { wear: { calls: 10 } });

  for (const worker of [first, second]) {
    worker?.onMessage?.({ type: "merino:worn", limit: "calls", value: 10 });
    worker?.onMessage?.({ type: "merino:worn", limit: "calls", value: 10 });
  }
  await eventually(() => made.length === 3);
  assert.deepEqual(workers.recyclingNow, [first?.uid]);
  await turn();
  workers.connected(made[2]?.uid ?? "");
  await eventually(() => made.length === 4);

  assert.deepEqual(
    first?.notices.map(({ type }) => type),
    ["merino:retire"],
  );
  assert.deepEqual([workers.recycled, workers.recyclingNow], [1, [second?.uid]]);
  await workers.stop(5);
  assert.deepEqual(workers.recyclingNow, []);
});

test("OwnWorkers starts those of the least size, and more and fewer of them up to the most", async () => {
  const { workers, made, retired } = useWorkers([true], { size: 3, startSize: 1, loadEveryMs: 50 });
  await workers.start(undefined, programState());
  assert.deepEqual([workers.size, made.length, workers.due], [1, 1, true]);
  assert.deepEqual(made[0]?.reports, { loadEveryMs: 50 });

  workers.grow(5);
  assert.deepEqual([workers.size, made.map(({ slot }) => slot)], [3, [0, 1, 2]]);
  await turn();
  assert.equal(
    workers.shrink(5, (uid) => uid === made[1]?.uid),
    1,
  );
  assert.deepEqual([workers.size, retired], [2, [made[1]?.uid]]);
  workers.grow(1);
  assert.equal(made[3]?.slot, 3, "the number of one that has not ended is not given again");
  await made[1]?.stop({ killAfter: 1 });
  await turn();
  workers.shrink(1, (uid) => uid === made[3]?.uid);
  workers.grow(1);

  assert.equal(made[4]?.slot, 1);
  await workers.stop(5);
  workers.grow(1);
  assert.equal(made.length, 5);
});

test("OwnWorkers with none to begin with waits for no connection, and expects one to come", async () => {
  const { workers } = useWorkers([], { size: 2, startSize: 0 });

  assert.deepEqual(await workers.start(undefined, programState()), []);
  await workers.awaitConnections();

  assert.equal(workers.due, true);
  await workers.stop(5);
  assert.equal(workers.due, false);
});
