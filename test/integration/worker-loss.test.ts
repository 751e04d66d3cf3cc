/** Workers that die with calls in their hands: every call settles, none runs twice, the pool recovers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMerinoError, ProcessWorker, WorkerLostError, WorkerPool } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import {
  abortProcess,
  add,
  block,
  count,
  exhaustMemory,
  exitWith,
  hang,
  killSelf,
  mark,
  pid,
  throwOutside,
} from "./fixtures/pool-routines.ts";
import { collectEvents, isAlive, ofType, rejection, useEffects } from "./fixtures/pool-support.ts";

/** What a call was lost to. */
async function lossOf(call: Promise<unknown>): Promise<WorkerLostError> {
  const error = await rejection(call);
  assert.ok(error instanceof WorkerLostError, `not a WorkerLostError but ${String(error)}`);
  return error;
}

describe("a worker that dies", () => {
  test("in a storm of SIGKILLs settles every call, and runs no body twice", async (t) => {
    await using _ = leakCheck({ withinMs: 10_000 });
    using effects = useEffects();
    const CALLS = 20_000;
    const KILLS = 20;
    const log = effects.path("bodies");
    const pool = await WorkerPool.open({ size: 3 });
    await using _pool = pool;
    const outcomes = { values: 0, lost: 0, others: [] as unknown[] };
    let made = 0;
    const call = async (id: number): Promise<void> => {
      try {
        const value = await mark(log, id, id % 4);
        assert.equal(value, id);
        outcomes.values += 1;
      } catch (error) {
        if (error instanceof WorkerLostError) outcomes.lost += 1;
        else outcomes.others.push(error);
      }
    };

    let kills = 0;
    const killing = (async () => {
      const killed = new Set<number>();
      while (kills < KILLS) {
        // The one that has been a member longest, so that all three get their turn.
        const victim = await eventually(
          () =>
            pool.stats().workers.find((worker) => worker.state === "ready" && worker.inFlight > 0 && !killed.has(worker.pid)),
          { withinMs: 40_000, what: "a worker with calls in flight" },
        );
        killed.add(victim.pid);
        process.kill(victim.pid, "SIGKILL");
        kills += 1;
      }
    })();
    // As long as somebody is to be killed there are calls under way, and in the end there were all of them.
    const window = 300;
    const workers = Array.from({ length: window }, async () => {
      while (made < CALLS) {
        if (kills < KILLS && made >= (CALLS / KILLS) * (kills + 1) - window) {
          await call(made++);
          await eventually(() => kills >= KILLS || made < (CALLS / KILLS) * (kills + 1) - window || outcomes.values + outcomes.lost >= made - 1, { withinMs: 40_000 });
        } else await call(made++);
      }
    });
    await Promise.all([killing, ...workers]);

    const started = effects.lines("bodies");
    t.diagnostic(
      `${made} calls, ${kills} kills, ${outcomes.values} values, ${outcomes.lost} lost, ${started.length} bodies started, ${JSON.stringify(pool.stats())}`,
    );
    assert.deepEqual(outcomes.others, []);
    assert.ok(made >= CALLS);
    assert.equal(outcomes.values + outcomes.lost, made);
    assert.equal(new Set(started).size, started.length, "some body ran twice");
    assert.ok(started.length >= outcomes.values);
    assert.ok(outcomes.lost > 0, "no kill hit a call");
    assert.ok(kills >= KILLS);
    assert.equal(pool.stats().unsettled, 0);
  });
});
void [isMerinoError, ProcessWorker, add, block, count, exhaustMemory, exitWith, hang, killSelf, pid, throwOutside, abortProcess, collectEvents, isAlive, ofType];
