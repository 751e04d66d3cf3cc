/** When answers leave between the bodies of one worker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "../../../../src/internal/collect-garbage.ts";
import { leaveQueue } from "../../../../src/internal/queue/priority-queue.ts";
import { type Runnable, RunQueue } from "../../../../src/worker/queue/run-queue.ts";
import { TurnMeter } from "../../../../src/worker/queue/turn-meter.ts";
import { holdThread } from "../../../support/hold-thread.ts";

/** What the queue keeps and looks at of what nobody has given a priority. */
function unprioritised() {
  return { priority: 0, rank: 0, queuePlace: undefined, tellsStart: false, unreadBytes: 0 };
}

/** A queue of bodies known to be short, and what happens in order. */
function recordedQueue(): {
  readonly log: string[];
  /** Runs a body, which writes an answer. */
  run(name: string): void;
  /** Sends, as the end of a turn does. */
  send(): void;
} {
  const log: string[] = [];
  let unsent = false;
  const send = (): void => {
    unsent = false;
    log.push("sent");
  };
  const queue = new RunQueue({ hasUnsent: () => unsent, flush: send });
  return {
    log,
    send,
    run(name) {
      queue.push({
        ...unprioritised(),
        expectedUs: 10,
        source: undefined,
        announce() {},
        run() {
          log.push(name);
          queue.mark();
          unsent = true;
        },
      });
      queue.drain();
    },
  };
}

test("RunQueue sends an answer that is older than a millisecond before the next body starts", () => {
  const { log, run } = recordedQueue();

  run("first");
  holdThread(3);
  run("second");
  holdThread(3);
  run("third");

  assert.deepEqual(log, ["first", "sent", "second", "sent", "third"]);
});

test("RunQueue sends nothing by itself where every answer has left", () => {
  const { log, run, send } = recordedQueue();

  run("first");
  send();
  holdThread(3);
  run("second");

  assert.deepEqual(log, ["first", "sent", "second"]);
});

test("RunQueue takes from every caller in turn, and from each in the order of its own", async () => {
  const log: string[] = [];
  const queue = new RunQueue({ hasUnsent: () => false, flush: () => {} });
  const [flood, other] = [{}, {}];
  const push = (name: string, source: object | undefined) => {
    const job = {
      ...unprioritised(),
      expectedUs: 10,
      source,
      announce() {},
      run: () => void log.push(name),
    };
    queue.push(job);
    return job;
  };
  for (const name of ["a1", "a2", "a3"]) push(name, flood);
  const removed = push("b1", other);
  push("b2", other);
  for (const name of ["local1", "local2"]) push(name, undefined);

  leaveQueue(removed);
  queue.drain();
  // On a busy machine a turn may be over before all have run.
  while (log.length < 6) await new Promise((resolve) => setImmediate(resolve));

  assert.deepEqual(log, ["local1", "a1", "local2", "b2", "a2", "a3"]);
  push("again", flood);
  queue.drain();
  while (log.length < 7) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(log.at(-1), "again");
});

test("RunQueue runs one long body for callers on the network in a turn of the loop, however often it is asked to", async () => {
  const log: string[] = [];
  const queue = new RunQueue({ hasUnsent: () => false, flush: () => {} });
  const arrive = (name: string): void => {
    queue.push({
      priority: 0,
      rank: 0,
      queuePlace: undefined,
      tellsStart: false,
      unreadBytes: 0,
      expectedUs: 10,
      source: { name },
      announce() {},
      run() {
        log.push(name);
        holdThread(2);
        queue.mark();
      },
    });
    queue.drain();
  };

  for (const name of ["a", "b", "c"]) arrive(name);
  const atOnce = [...log];
  while (log.length < 3) await new Promise((resolve) => setImmediate(resolve));

  assert.deepEqual(atOnce, ["a"]);
  assert.deepEqual(log, ["a", "b", "c"]);
});

test("RunQueue orders the calls of one caller by priority, and takes none of them before its turn among callers", async () => {
  const log: string[] = [];
  const queue = new RunQueue({ hasUnsent: () => false, flush: () => {} });
  const [greedy, other] = [{}, {}];
  const push = (name: string, priority: number, source: object | undefined): void =>
    queue.push({
      priority,
      rank: priority,
      queuePlace: undefined,
      tellsStart: false,
      unreadBytes: 0,
      expectedUs: 10,
      source,
      announce: () => void log.push(`told of ${name}`),
      run: () => void log.push(name),
    });
  push("a1", 0, greedy);
  push("a2", 2 ** 31 - 1, greedy);
  push("a3", 2 ** 31 - 1, greedy);
  push("b1", 0, other);
  push("local1", -1, undefined);
  push("local2", 0, undefined);

  queue.drain();
  while (log.length < 9) await new Promise((resolve) => setImmediate(resolve));

  // Whoever goes past another one of its caller is told of before it begins.
  assert.deepEqual(log, [
    "told of local2",
    "local2",
    "told of a2",
    "a2",
    "local1",
    "b1",
    "told of a3",
    "a3",
    "a1",
  ]);
});

/** How many bodies of ten others run before the next one of a caller, after one of its bodies in which something happens. */
async function bodiesBeforeNext(queue: RunQueue, happens: () => void): Promise<number> {
  const log: string[] = [];
  const push = (name: string, source: object, run: () => void): void => {
    const job: Runnable = {
      ...unprioritised(),
      expectedUs: 10,
      source,
      announce() {},
      run() {
        log.push(name);
        run();
        queue.mark();
      },
    };
    queue.push(job);
    queued.push(job);
  };
  const queued: Runnable[] = [];
  const caller = {};
  const others = Array.from({ length: 10 }, () => ({}));
  push("caller", caller, happens);
  for (const other of others) for (let n = 0; n < 100; n++) push("other", other, () => holdThread(1));

  while (!log.includes("caller")) {
    queue.drain();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  const before = log.length;
  push("caller", caller, () => {});
  while (!log.includes("caller", before)) {
    queue.drain();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const job of queued) leaveQueue(job);
  return log.indexOf("caller", before) - before;
}

test("RunQueue has nobody stand behind others for garbage that is collected in its turn", async () => {
  const kept = Array.from({ length: 400_000 }, (_, n) => ({ n, text: `text ${n}` }));
  const startMs = performance.now();
  collectGarbage();
  const pauseMs = performance.now() - startMs;

  const bodies = await bodiesBeforeNext(new RunQueue({ hasUnsent: () => false, flush: () => {} }), () => {
    collectGarbage();
  });

  assert.ok(pauseMs > 4 && kept.length > 0, `the pause of ${pauseMs} ms proves nothing`);
  assert.ok(bodies <= 15, `${bodies} bodies of others came first, for a pause of ${pauseMs} ms`);
});

test("RunQueue has nobody stand behind others because the thread waited for a processor in its turn", async () => {
  let waitedMs = 0;
  const meter = new TurnMeter(() => waitedMs, { watch() {} });
  const queue = new RunQueue({ hasUnsent: () => false, flush: () => {} }, () => meter);

  const bodies = await bodiesBeforeNext(queue, () => {
    holdThread(30);
    waitedMs += 30;
  });

  assert.ok(bodies <= 15, `${bodies} bodies of others came first`);
});

test("RunQueue charges what a body waits for itself", async () => {
  const queue = new RunQueue({ hasUnsent: () => false, flush: () => {} });

  const bodies = await bodiesBeforeNext(queue, () => {
    holdThread(8);
  });

  assert.ok(bodies >= 30, `${bodies} bodies of others came first`);
});
