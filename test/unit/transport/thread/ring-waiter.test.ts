/** Waiters of rings: when they look, and when they sleep. Each test is one thread; what comes is put there by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { Crowding } from "../../../../src/internal/crowding.ts";
import { LoopWaiter } from "../../../../src/transport/thread/loop-waiter.ts";
import { RingWaiter, type Waited } from "../../../../src/transport/thread/ring-waiter.ts";
import { createSleepMemory, SleepWord } from "../../../../src/transport/thread/sleep-word.ts";
import { eventually } from "../../../support/eventually.ts";

/** Waits as it is told to. */
class ScriptedWaiter extends RingWaiter {
  goesOnNext = false;
  /** Called when nothing has come; without it, the thread sleeps. */
  whenPaused: (() => void) | undefined;

  constructor() {
    super(createSleepMemory());
  }

  sent(): void {}
  expect(): void {}
  arrived(): void {}

  protected goesOn(): boolean {
    return this.goesOnNext;
  }

  protected pause(): boolean {
    const { whenPaused } = this;
    this.whenPaused = undefined;
    whenPaused?.();
    return whenPaused !== undefined;
  }
}

/** What a test has come, and in which turn of the loop that was taken. */
class Arrivals implements Waited {
  pending = false;
  readonly takenInTurn: number[] = [];
  turn = 0;
  #counting = true;

  constructor() {
    const next = (): void => {
      this.turn += 1;
      if (this.#counting) setImmediate(next);
    };
    setImmediate(next);
  }

  take(): void {
    this.pending = false;
    this.takenInTurn.push(this.turn);
  }

  [Symbol.dispose](): void {
    this.#counting = false;
  }
}

/** Whether it sleeps: then its word says so, and does until it is woken. */
function sleeps({ memory }: RingWaiter): boolean {
  return new Int32Array(memory)[0] !== 0;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

const uncrowded = (): Crowding => new Crowding(() => 1);

test("RingWaiter takes what has come while it waited within its turn without another turn of the loop", async () => {
  const arrivals = new Arrivals();
  try {
    const waiter = new ScriptedWaiter();
    let pausedInTurn = -1;
    waiter.whenPaused = () => {
      pausedInTurn = arrivals.turn;
      arrivals.pending = true;
    };
    waiter.add(arrivals);
    await eventually(() => arrivals.takenInTurn.length > 0, { everyMs: 1 });

    assert.deepEqual(arrivals.takenInTurn, [pausedInTurn]);
  } finally {
    arrivals[Symbol.dispose]();
  }
});

test("RingWaiter sleeps at once after what it has taken, unless it goes on, and is woken again and again", async () => {
  const arrivals = new Arrivals();
  try {
    const waiter = new ScriptedWaiter();
    const word = new SleepWord(waiter.memory);
    waiter.add(arrivals);
    await eventually(() => sleeps(waiter), { everyMs: 1 });

    for (let number = 1; number <= 3; number++) {
      arrivals.pending = true;
      assert.equal(word.wake(), true);
      await eventually(() => arrivals.takenInTurn.length === number, { everyMs: 1 });
      assert.equal(sleeps(waiter), true);
    }

    waiter.goesOnNext = true;
    arrivals.pending = true;
    word.wake();
    await eventually(() => arrivals.takenInTurn.length === 4, { everyMs: 1 });
    await eventually(() => sleeps(waiter), { everyMs: 1 });
    arrivals.pending = true;
    assert.equal(word.wake(), true);
    await eventually(() => arrivals.takenInTurn.length === 5, { everyMs: 1 });
  } finally {
    arrivals[Symbol.dispose]();
  }
});

test("RingWaiter loses nothing that comes while it falls asleep", async () => {
  const waiter = new ScriptedWaiter();
  let taken = 0;
  let looks = 0;
  waiter.add({
    // There when the thread has said that it sleeps, and nobody has woken it.
    get pending() {
      looks += 1;
      return taken === 0 && looks > 1;
    },
    take() {
      taken += 1;
    },
  });

  await eventually(() => taken === 1, { everyMs: 1 });
});

test("LoopWaiter looks at its rings in the turn in which something has come beside them", async () => {
  const arrivals = new Arrivals();
  const { port1, port2 } = new MessageChannel();
  try {
    const waiter = new LoopWaiter({ crowding: uncrowded() });
    waiter.add(arrivals);
    await eventually(() => sleeps(waiter), { everyMs: 1 });
    let cameInTurn = -1;
    port2.on("message", () => {
      cameInTurn = arrivals.turn;
      arrivals.pending = true;
      waiter.follows();
    });

    port1.postMessage("beside");
    await eventually(() => arrivals.takenInTurn.length > 0, { everyMs: 1 });

    // A port's messages come before the turn's immediates.
    assert.ok((arrivals.takenInTurn[0] ?? Number.NaN) - cameInTurn <= 1);
  } finally {
    port1.close();
    arrivals[Symbol.dispose]();
  }
});

test("LoopWaiter stays awake for the record that follows for a while, and then sleeps", async () => {
  const arrivals = new Arrivals();
  try {
    let nowMs = 1;
    const waiter = new LoopWaiter({ crowding: uncrowded(), now: () => nowMs });
    waiter.add(arrivals);
    await eventually(() => sleeps(waiter), { everyMs: 1 });

    waiter.follows();
    await turns(5);
    assert.equal(sleeps(waiter), false);
    arrivals.pending = true; // and nobody wakes it
    await turns(2);
    assert.equal(arrivals.takenInTurn.length, 1);

    waiter.arrived();
    waiter.follows();
    await turns(5);
    assert.equal(sleeps(waiter), false);
    nowMs += 0.1;
    await turns(2);
    assert.equal(sleeps(waiter), true);
    arrivals.pending = true;
    assert.equal(new SleepWord(waiter.memory).wake(), true);
    await eventually(() => arrivals.takenInTurn.length === 2, { everyMs: 1 });
  } finally {
    arrivals[Symbol.dispose]();
  }
});

test("LoopWaiter waits awake for nothing while others want the processor", async () => {
  let nowMs = 1;
  let switches = 1;
  const waiter = new LoopWaiter({ crowding: new Crowding(() => switches), now: () => nowMs });
  await turns(3);
  const staysAwake = async (): Promise<boolean> => {
    waiter.expect();
    waiter.sent(false);
    await turns(3);
    const awake = !sleeps(waiter);
    waiter.arrived();
    await eventually(() => sleeps(waiter), { everyMs: 1 });
    return awake;
  };
  assert.equal(await staysAwake(), true);

  waiter.expect();
  waiter.sent(false);
  await turns(3);
  nowMs += 3;
  switches += 1;
  await eventually(() => sleeps(waiter), { everyMs: 1 });
  assert.equal(await staysAwake(), false);

  nowMs += 100;
  assert.equal(await staysAwake(), true);
});
