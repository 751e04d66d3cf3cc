import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Deferrable, DeferredWork } from "../../../src/session/deferred-work.ts";

interface Recorded {
  readonly deferred: DeferredWork;
  /** What has gone on, in order. */
  readonly resumed: number[];
  readonly work: readonly Deferrable[];
  hasRoom: boolean;
}

function recorded(count: number): Recorded {
  const resumed: number[] = [];
  const work = Array.from({ length: count }, (_, at) => ({ resume: () => resumed.push(at) }));
  const state: Recorded = {
    deferred: new DeferredWork(() => state.hasRoom),
    resumed,
    work,
    hasRoom: true,
  };
  for (const one of work) state.deferred.add(one);
  return state;
}

test("DeferredWork goes on in the order in which it came, each once", () => {
  const state = recorded(3);

  state.deferred.resume();
  state.deferred.resume();

  assert.deepEqual(state.resumed, [0, 1, 2]);
});

test("DeferredWork goes on a little in each turn, so that it shows what room is left", async () => {
  const state = recorded(40);

  state.deferred.resume();
  state.deferred.resume(); // the next turn is pending
  const atOnce = state.resumed.length;
  await nextTurn();
  const nextTime = state.resumed.length;
  state.hasRoom = false;
  await nextTurn();
  const full = state.resumed.length;
  state.hasRoom = true;
  state.deferred.resume();

  assert.deepEqual([atOnce, nextTime, full, state.resumed.length], [16, 32, 32, 40]);
});

test("DeferredWork does not go on without room, nor when it has been forgotten", () => {
  const state = recorded(3);
  const [first] = state.work;
  assert.ok(first !== undefined);
  state.hasRoom = false;

  state.deferred.resume();
  const full = [...state.resumed];
  state.deferred.delete(first);
  state.hasRoom = true;
  state.deferred.resume();
  state.deferred.add(first);
  state.deferred.clear();
  state.deferred.resume();

  assert.deepEqual([full, state.resumed], [[], [1, 2]]);
});
