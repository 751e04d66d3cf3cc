/** Attempts of calls that need resources: each one holds what its routine needs once, and gives it back exactly. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Balancer, Candidate } from "../../../../src/balancer/balancer.ts";
import { currentTask } from "../../../../src/context/scope.ts";
import { type Amounts, type Resources, resourcesOf } from "../../../../src/internal/amounts.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { eventually } from "../../../support/eventually.ts";
import { useDispatcher, type Wish } from "../../../support/use-dispatcher.ts";

/** Names the workers in the order of their names. */
const inOrder = {
  pick: (_task: unknown, view: readonly Candidate[]) => {
    const [first] = view.map(({ uid }) => uid).sort();
    return view.findIndex(({ uid }) => uid === first);
  },
} as unknown as Balancer;

const GPU: Amounts = new Map([["gpu", 1_000]]);
const NEEDS = { work: GPU, other: GPU };
const HEDGE = { after: 0.01 };
const RETRY = { attempts: 3, backoff: { initial: 0, max: 0 } };
const HELD = { gpu: 1 };

/** A dispatcher with workers of one GPU each, whose bodies the test ends. */
function useGpus(uids: readonly string[], wish: Wish) {
  const t = useDispatcher({ balancer: inOrder, needs: NEEDS, ...wish });
  const bodies = uids.map((uid) => ({ uid, runs: 0, aborted: 0, end: createDeferred<unknown>() }));
  for (const body of bodies) {
    const work = async (): Promise<unknown> => {
      body.runs += 1;
      currentTask()?.signal.addEventListener("abort", () => {
        body.aborted += 1;
      });
      return await body.end.promise;
    };
    t.add(body.uid, { work, other: () => body.uid }, { resources: GPU, needs: NEEDS });
  }
  const body = (uid: string) => bodies.find((one) => one.uid === uid) ?? assert.fail(uid);
  return Object.assign(t, {
    body,
    /** What calls hold there, as their dispatcher counts it. */
    ours: (uid: string): Resources => resourcesOf(t.membership.get(uid)?.resources.ours ?? new Map()),
    /** What bodies hold there. */
    used: (uid: string): Resources => t.worker(uid).tasks.active.resources.used,
    /** Nothing is held there, by anybody's count, and the next call that needs it gets it. */
    async isFree(uid: string) {
      await eventually(() => Object.keys({ ...this.ours(uid), ...this.used(uid) }).length === 0);
      assert.equal(await t.callOnly(uid, "other"), uid);
    },
  });
}

/** A call whose first attempt runs on one worker, `a`, and whose hedge on the other. */
async function useHedged() {
  const t = useGpus(["a", "b"], { idempotent: { work: { hedge: HEDGE } } });
  await t.ready(2);
  const controller = new AbortController();
  const outcome = t.call("work", [], { signal: controller.signal });
  await eventually(() => t.body("a").runs + t.body("b").runs === 2);
  return Object.assign(t, { outcome, controller });
}

describe("attempts of a call that needs resources", () => {
  for (const won of ["a", "b"] as const) {
    test(`hold once each, and give back when the one on ${won} answers and the other goes on`, async () => {
      await using t = await useHedged();
      const lost = won === "a" ? "b" : "a";
      for (const uid of ["a", "b"]) assert.deepEqual([t.ours(uid), t.used(uid)], [HELD, HELD]);

      t.body(won).end.resolve(won);
      assert.equal(await t.outcome, won);

      await t.isFree(won);
      await eventually(() => t.body(lost).aborted === 1);
      assert.deepEqual(t.used(lost), HELD); // its body does not heed the signal, and has not ended
      t.body(lost).end.resolve("late");
      await t.isFree(lost);
      assert.deepEqual([t.body("a").runs, t.body("b").runs, t.dispatcher.counts.hedged], [1, 1, 1]);
    });
  }

  test("give back when the whole call is cancelled, each when its body has ended", async () => {
    await using t = await useHedged();

    t.controller.abort(new Error("enough"));
    await assert.rejects(t.outcome, /enough/);

    await eventually(() => t.body("a").aborted === 1 && t.body("b").aborted === 1);
    for (const uid of ["a", "b"]) assert.deepEqual(t.used(uid), HELD);
    for (const uid of ["a", "b"]) t.body(uid).end.resolve(0);
    for (const uid of ["a", "b"]) await t.isFree(uid);
  });

  test("give back when a hedge's worker is lost, and its call goes on", async () => {
    await using t = await useHedged();

    t.carrier("b").cut();
    await eventually(() => t.membership.get("b")?.ready !== true);
    assert.deepEqual(t.ours("b"), {});
    t.body("a").end.resolve(1);

    assert.equal(await t.outcome, 1);
    await t.isFree("a");
    assert.deepEqual(t.used("b"), HELD); // the body runs on, and holds what it holds
    t.body("b").end.resolve(2);
    await eventually(() => Object.keys(t.used("b")).length === 0);
  });

  test("are one where no second worker has any free", async () => {
    await using t = useGpus(["a"], { idempotent: { work: { hedge: HEDGE } } });
    t.add("none", { work: () => assert.fail("it has none") });
    await t.ready(2);

    const call = t.call("work");
    await eventually(() => t.body("a").runs === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    t.body("a").end.resolve("a");

    assert.equal(await call, "a");
    assert.equal(t.dispatcher.counts.hedged, 0);
    await t.isFree("a");
  });

  test("hold nothing where the worker of a hedge has it no longer free, and refuses", async () => {
    await using t = useGpus(["a", "b"], { idempotent: { work: { hedge: HEDGE } } });
    await t.ready(2);
    const { resources } = t.worker("b").tasks.active;
    resources.keep(GPU); // somebody else's, of whom the caller does not know

    const call = t.call("work");
    const isRefused = () => Object.keys(t.ours("b")).length === 0; // and not only on its way there
    await eventually(() => t.membership.get("b")?.resources.hasRoom(GPU) === false && isRefused());
    assert.deepEqual([t.ours("b"), t.body("b").runs], [{}, 0]);
    t.body("a").end.resolve("a");
    assert.equal(await call, "a");

    resources.giveBack(GPU);
    for (const uid of ["a", "b"]) await t.isFree(uid);
  });

  test("hold once after a retry, on the worker that is left", async () => {
    await using t = useGpus(["a", "b"], { idempotent: { work: { retry: RETRY } } });
    await t.ready(2);
    const call = t.call("work");
    await eventually(() => t.body("a").runs === 1);

    t.carrier("a").cut();
    await eventually(() => t.body("b").runs === 1);
    assert.deepEqual([t.ours("a"), t.ours("b"), t.used("b")], [{}, HELD, HELD]);
    t.body("b").end.resolve("b");

    assert.equal(await call, "b");
    await t.isFree("b");
    t.body("a").end.resolve(0);
    await eventually(() => Object.keys(t.used("a")).length === 0);
  });

  test("hold anew where the body has thrown and is tried again", async () => {
    const failing = { attempts: 2, on: () => true, backoff: { initial: 0, max: 0 } };
    await using t = useGpus(["a"], {
      idempotent: { flaky: { retry: failing } },
      needs: { ...NEEDS, flaky: GPU },
    });
    let runs = 0;
    t.add(
      "c",
      {
        flaky: () => {
          runs += 1;
          assert.deepEqual(t.used("c"), HELD);
          if (runs === 1) throw new TypeError("the first time");
          return runs;
        },
        other: () => "c",
      },
      { resources: GPU, needs: { ...NEEDS, flaky: GPU } },
    );
    await t.ready(2);
    const holder = t.callOnly("a", "work");
    await eventually(() => t.body("a").runs === 1);

    const call = t.call("flaky");

    assert.equal(await call, 2);
    t.body("a").end.resolve(0);
    await holder;
    for (const uid of ["a", "c"]) await t.isFree(uid);
  });
});
