/** What a worker measures of itself for its parent, on a clock that stands still. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadMeter } from "../../../../src/host/reports/load-meter.ts";
import { meterFor } from "../../../../src/host/reports/meter-for.ts";
import { WearMeter } from "../../../../src/host/reports/wear-meter.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import type { MeteredTask } from "../../../../src/worker/task-meter.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

function task(routine = "r", { permit = true, nested = false } = {}): MeteredTask {
  return { sinceMs: 0, permit, task: { nested, routine } };
}

function useWear(limits: { readonly calls?: number; readonly memory?: number }) {
  const clock = useFakeClock();
  const state = { bytes: 0, looks: 0 };
  const told: unknown[] = [];
  const meter = new WearMeter(limits, (message) => void told.push(message), {
    queue: new DeadlineQueue(clock),
    memory: () => {
      state.looks += 1;
      return state.bytes;
    },
  });
  return { clock, state, told, meter };
}

test("WearMeter tells once that so many calls have been taken, and has no timer for that", () => {
  const { meter, told, clock } = useWear({ calls: 3 });

  for (let call = 0; call < 10; call += 1) {
    meter.began();
    meter.ended();
  }

  assert.deepEqual(told, [{ type: "merino:worn", limit: "calls", value: 3 }]);
  assert.equal(clock.timersSet, 0);
});

test("WearMeter looks at memory from time to time, and between tasks", async () => {
  const { meter, told, clock, state } = useWear({ memory: 100 });

  await clock.advance(1_000);
  assert.equal(state.looks, 4);
  for (let call = 0; call < 64; call += 1) meter.ended();
  assert.equal(state.looks, 8);
  state.bytes = 100;
  await clock.advance(1_000);

  assert.deepEqual(told, [{ type: "merino:worn", limit: "memory", value: 100 }]);
  assert.equal(clock.timerCount, 0, "nothing is left to look for");
  for (let call = 0; call < 64; call += 1) meter.ended();
  assert.equal(told.length, 1);
});

function useLoad() {
  const clock = useFakeClock();
  const told: Array<{ tasks: number; ms: number; times: Readonly<Record<string, number>> }> = [];
  const meter = new LoadMeter(
    50,
    (message) => {
      if (message.type === "merino:load") told.push(message);
    },
    new DeadlineQueue(clock),
  );
  return { clock, told, meter };
}

test("LoadMeter tells while there are tasks, once when there are none any more, and then nothing", async () => {
  const { clock, told, meter } = useLoad();
  const one = task();

  meter.began(one);
  await clock.advance(120);
  meter.ended(one);
  await clock.advance(1_000);

  assert.deepEqual(
    told.map(({ tasks, ms }) => [tasks, ms]),
    [
      [1, 50],
      [1, 100],
      [0, 0],
    ],
  );
  assert.deepEqual(
    told.map(({ times }) => times.r),
    [50, 100, 120],
    "at first what it has taken so far",
  );
  assert.equal(clock.timerCount, 0);
});

test("LoadMeter expects of a task what those of its routine have taken, and tells that again when it changes", async () => {
  const { clock, told, meter } = useLoad();
  for (let round = 0; round < 3; round += 1) {
    const one = task();
    meter.began(one);
    await clock.advance(200);
    meter.ended(one);
    await clock.advance(50);
  }
  told.length = 0;

  meter.began(task());
  meter.began(task());
  await clock.advance(50);

  assert.deepEqual(told, [{ type: "merino:load", tasks: 2, ms: 400, times: {} }]);
});

test("LoadMeter counts a suspended generator as a task, and as no work", async () => {
  const { clock, told, meter } = useLoad();

  meter.began(task("g", { permit: false }));
  meter.began(task("n", { permit: false, nested: true }));
  await clock.advance(50);

  assert.deepEqual(told, [{ type: "merino:load", tasks: 2, ms: 50, times: { n: 50 } }]);
});

test("meterFor measures nothing that nobody wants", () => {
  const ignore = (): void => {};

  assert.equal(meterFor(undefined, ignore), undefined);
  assert.equal(meterFor({}, ignore), undefined);
  assert.ok(meterFor({ wear: { calls: 1 } }, ignore) instanceof WearMeter);
  assert.ok(meterFor({ loadEveryMs: 50 }, ignore) instanceof LoadMeter);
});

test("meterFor measures both where both are wanted", () => {
  const told: string[] = [];
  const meter = meterFor({ wear: { calls: 1 }, loadEveryMs: 50 }, ({ type }) => void told.push(type));
  const one = task();

  meter?.began(one);
  meter?.ended(one);

  assert.deepEqual(told, ["merino:worn"]);
  assert.ok(one.sinceMs > 0);
});
