/** A pool's own workers, which here are no processes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { OwnWorkers } from "../../../../src/pool/workers/own-workers.ts";
import { programState } from "../../../../src/process/launch/program-state.ts";
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
  readonly #starts: boolean;

  constructor({ uid }: WorkerContext, starts: boolean) {
    this.uid = uid;
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
function useWorkers(starts: readonly boolean[], { respawn = false } = {}) {
  const made: StubWorker[] = [];
  const gone: string[] = [];
  const retired: string[] = [];
  const ready: string[] = [];
  const workers = new OwnWorkers({
    size: starts.length,
    factory: (context) => {
      const worker = new StubWorker(context, starts[made.length] ?? true);
      made.push(worker);
      return worker;
    },
    tags: [],
    extra: {},
    startTimeoutMs: 1_000,
    respawn,
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
