import assert from "node:assert/strict";
import { tracingChannel } from "node:diagnostics_channel";
import { describe, test } from "node:test";
import type { Balancer, Candidate } from "../../../../src/balancer/balancer.ts";
import type { TaskEvent } from "../../../../src/client/dispatch/task-event.ts";
import { move } from "../../../../src/codec/beside/move.ts";
import { currentTask } from "../../../../src/context/scope.ts";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import { fork } from "../../../../src/context/variables/fork.ts";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { QueueFullError } from "../../../../src/errors/queue-full-error.ts";
import { WorkerLostError } from "../../../../src/errors/worker-lost-error.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import type { AttemptMessage } from "../../../../src/telemetry/attempt-message.ts";
import { createNack } from "../../../../src/wire/messages/nack.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../../support/eventually.ts";
import { followTracing } from "../../../support/follow-channels.ts";
import { keepAliveCount } from "../../../support/keep-alive-count.ts";
import { useDispatcher, type Wish } from "../../../support/use-dispatcher.ts";
import { useWarnings } from "../../../support/use-warnings.ts";

const RETRY = { attempts: 3, backoff: { initial: 0, max: 0 } };
const HEDGE = { after: 0.01 };

/** Names the workers in the order of their names. */
const inOrder = {
  pick: (_task: unknown, view: readonly Candidate[]) => {
    const [first] = view
      .filter(({ room }) => room)
      .map(({ uid }) => uid)
      .sort();
    return view.findIndex(({ uid }) => uid === first);
  },
} as unknown as Balancer;

/** A dispatcher with workers whose bodies the test ends. */
function useWorkers(uids: readonly string[], wish: Wish = {}) {
  const t = useDispatcher({ balancer: inOrder, ...wish });
  const bodies = uids.map((uid) => ({ uid, runs: 0, aborted: 0, end: createDeferred<unknown>() }));
  for (const body of bodies) {
    t.add(body.uid, {
      work: async () => {
        body.runs += 1;
        currentTask()?.signal.addEventListener("abort", () => {
          body.aborted += 1;
        });
        return await body.end.promise;
      },
      quick: () => body.uid,
    });
  }
  return Object.assign(t, {
    body: (uid: string) => bodies.find((body) => body.uid === uid) ?? assert.fail(uid),
    runs: (): number => bodies.reduce((sum, { runs }) => sum + runs, 0),
  });
}

describe("RepeatedCalls", () => {
  test("takes the answer of the faster of two workers, and cancels the other", async () => {
    await using t = useWorkers(["a", "b"], { idempotent: { work: { hedge: HEDGE } } });
    await t.ready(2);
    const call = t.call("work");
    await eventually(() => t.runs() === 2);

    t.body("b").end.resolve("b");

    assert.equal(await call, "b");
    await eventually(() => t.body("a").aborted === 1);
    const { calls, completed, cancelled, hedged, retried } = t.dispatcher.counts;
    assert.deepEqual(
      { calls, completed, cancelled, hedged, retried },
      { calls: 1, completed: 1, cancelled: 0, hedged: 1, retried: 0 },
    );
    assert.equal(t.dispatcher.unsettled, 0);
  });

  test("sends no hedge to the only worker", async () => {
    await using t = useWorkers(["a"], { idempotent: { work: { hedge: HEDGE } } });
    await t.ready(1);
    const call = t.call("work");
    await eventually(() => t.runs() === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);

    t.body("a").end.resolve("a");

    assert.equal(await call, "a");
    assert.equal(t.runs(), 1);
    assert.equal(t.dispatcher.counts.hedged, 0);
  });

  test("tries a call again on another worker when its own is lost", async () => {
    const events: TaskEvent[] = [];
    await using t = useWorkers(["a", "b"], { idempotent: { work: { retry: RETRY } }, events });
    await t.ready(2);
    const call = t.call("work", [], { tag: "x" });
    await eventually(() => t.body("a").runs === 1);

    t.carrier("a").cut();
    await eventually(() => t.body("b").runs === 1);
    t.body("b").end.resolve("b");

    assert.equal(await call, "b");
    assert.deepEqual(
      events
        .filter(({ phase }) => phase !== "accepted")
        .map(({ phase, attempt, worker }) => `${phase} ${attempt} ${worker}`),
      ["sent 1 a", "attempt-over 1 a", "sent 2 b", "attempt-over 2 b", "settled 2 b"],
    );
    const { calls, completed, failed, retried } = t.dispatcher.counts;
    assert.deepEqual(
      { calls, completed, failed, retried },
      { calls: 1, completed: 1, failed: 0, retried: 1 },
    );
  });

  test("does not repeat the call of any other routine, whatever its block says", async () => {
    await using t = useWorkers(["a", "b"]);
    await t.ready(2);
    const call = t.call("work", [], { retry: RETRY, hedge: HEDGE });
    await eventually(() => t.runs() === 1);

    t.carrier("a").cut();

    await assert.rejects(call, WorkerLostError);
    assert.equal(t.runs(), 1);
  });

  test("takes over the context variables of the attempt that counts, and of no other", async () => {
    const color = new ContextVar<string>("repeated-calls.color");
    const gates = { a: createDeferred<void>(), b: createDeferred<void>() };
    await using t = useDispatcher({ balancer: inOrder, idempotent: { paint: { hedge: HEDGE } } });
    let runs = 0;
    for (const uid of ["a", "b"] as const) {
      t.add(uid, {
        paint: async () => {
          runs += 1;
          const before = color.get();
          color.set(uid);
          await gates[uid].promise;
          return before;
        },
      });
    }
    await t.ready(2);

    await fork(async () => {
      color.set("caller's");
      const call = t.call("paint");
      await eventually(() => runs === 2);
      gates.b.resolve();
      assert.equal(await call, "caller's");
      gates.a.resolve();
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      assert.equal(color.get(), "b");
    });
  });

  test("sends later attempts the arguments that the call was made with", async () => {
    await using t = useDispatcher({ balancer: inOrder, idempotent: { sum: { retry: RETRY } } });
    let runs = 0;
    const never = new Promise<never>(() => {});
    const gate = createDeferred<void>();
    t.add("a", {
      sum: () => {
        runs += 1;
        return never;
      },
    });
    t.add("b", {
      sum: async (list: readonly number[], signal: AbortSignal) => {
        await gate.promise;
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return [list, signal.aborted];
      },
    });
    await t.ready(2);
    const list = [1, 2];
    const controller = new AbortController();
    const call = t.call("sum", [list, controller.signal]);
    await eventually(() => runs === 1);
    list.push(3);
    t.carrier("a").cut();
    await eventually(() => t.worker("b").starts === 1);
    gate.resolve();
    controller.abort();

    assert.deepEqual(await call, [[1, 2], true]);
  });

  test("refuses to repeat a call that gives an argument away, unless only its block would", async () => {
    await using t = useDispatcher({ idempotent: { size: {} } });
    t.add("a", { size: (bytes: Uint8Array) => bytes.length });
    await t.ready(1);
    const bytes = (): unknown => move(new Uint8Array(100_000));

    await assert.rejects(
      async () => t.call("size", [bytes()], { retry: RETRY }),
      (error: unknown) => error instanceof InvalidOptionError && /args\[0\]/.test(error.message),
    );
    assert.equal(t.dispatcher.unsettled, 0);
    assert.equal(await t.call("size", [bytes()]), 100_000);
  });

  test("leaves to its caller what was to be given away by a call that it has refused", async () => {
    await using t = useDispatcher({ idempotent: { size: {} } });
    t.add("a", { size: (bytes: Uint8Array) => bytes.length });
    await t.ready(1);
    const bytes = new Uint8Array(100_000);
    await assert.rejects(async () => t.call("size", [move(bytes)], { retry: RETRY }), InvalidOptionError);

    assert.equal(await t.call("size", [move(bytes)]), 100_000);
  });

  test("tells that there is a call, where all may be repeated", async () => {
    let told = 0;
    await using t = useWorkers([], {
      idempotent: { quick: { retry: RETRY } },
      begun: () => {
        told += 1;
      },
    });

    const call = t.call("quick");

    assert.equal(told, 1);
    t.add("a", { quick: () => "a" });
    assert.equal(await call, "a");
  });

  test("sends no hedge to a worker that does not have the routine", async () => {
    await using t = useWorkers(["a"], {
      idempotent: { work: { hedge: HEDGE } },
      refusing: { b: createNack(NackCode.UNKNOWN_ROUTINE, "what is that?") },
    });
    t.add("b", {});
    await t.ready(2);
    const first = t.call("work");
    await eventually(() => t.dispatcher.counts.hedged === 1);
    const b = t.membership.get("b") ?? assert.fail();
    await eventually(() => t.dispatcher.lackedBy(b).length === 1);
    t.body("a").end.resolve("a");
    assert.equal(await first, "a");

    const second = t.call("work");
    await eventually(() => t.runs() === 2);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);

    assert.equal(await second, "a");
    assert.equal(t.dispatcher.counts.hedged, 1);
  });

  test("makes no further attempt beyond the bound of a queue that has refused the first", async () => {
    const retry = { attempts: 3, backoff: { initial: 0, max: 0 }, on: () => true };
    await using t = useWorkers([], { idempotent: { quick: { retry } }, maxQueue: 1 });
    const first = t.call("quick");

    await assert.rejects(t.call("quick"), QueueFullError);

    assert.equal(t.dispatcher.counts.retried, 2);
    assert.equal(t.dispatcher.queued, 1);
    t.add("a", { quick: () => "a" });
    assert.equal(await first, "a");
  });

  test("makes no further attempt of a call that a subscriber has ended", async () => {
    await using t = useWorkers(["a", "b"], { idempotent: { work: { retry: RETRY, hedge: HEDGE } } });
    await t.ready(2);
    using _ = followTracing("merino:call"); // attempts are told of where calls are
    for (const how of ["retried", "hedged"] as const) {
      const alive = keepAliveCount();
      const controller = new AbortController();
      const told: string[] = [];
      const subscribers = {
        start(message: object): void {
          const { attempt } = message as AttemptMessage;
          told.push(`${attempt} begins`);
          if (attempt === 2) controller.abort(new Error("mine"));
        },
        asyncEnd(message: object): void {
          const { attempt, outcome } = message as AttemptMessage;
          told.push(`${attempt} ${outcome}`);
        },
      };
      const channel = tracingChannel("merino:call:attempt");
      channel.subscribe(subscribers as never);
      const before = t.runs();
      const sent = t.dispatcher.counts[how];

      const hedge = how === "hedged" ? HEDGE : false;
      const call = t.call("work", [], { signal: controller.signal, hedge });
      call.catch(() => {});
      await eventually(() => t.runs() === before + 1);
      if (how === "retried") t.carrier("a").cut();

      await assert.rejects(call, /mine/);
      await new Promise(setImmediate);
      channel.unsubscribe(subscribers as never);
      assert.equal(t.runs(), before + 1);
      assert.equal(t.dispatcher.unsettled, 0);
      assert.ok(told.includes("2 cancelled"), told.join());
      assert.equal(keepAliveCount(), alive);
      assert.ok(t.dispatcher.counts[how] <= sent + 1);
      await t.ready(2);
    }
  });

  test("makes no more calls under a full outage than its budget has tokens, and says so once", async () => {
    using warnings = useWarnings();
    const tokens = 7;
    const retry = { attempts: 5, backoff: { initial: 0, max: 0 }, budget: { tokens, ratio: 0.1 } };
    let received = 0;
    await using t = useDispatcher({
      idempotent: { work: { retry } },
      // Each worker breaks the stream of every task.
      answering: Object.fromEntries(
        ["a", "b", "c"].map((uid) => [
          uid,
          (writer, stream): void => {
            received += 1;
            writer.reset(stream, 0, "out of order");
          },
        ]),
      ),
      coolDownMs: 1,
    });
    for (const uid of ["a", "b", "c"]) t.add(uid, {});
    await t.ready(3);

    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => t.call("work")));

    assert.ok(outcomes.every(({ status }) => status === "rejected"));
    const { retried, throttled, failed } = t.dispatcher.counts;
    assert.equal(retried, tokens);
    assert.equal(failed, 100);
    assert.ok(received <= 100 + tokens, `${received} tasks`);
    assert.ok(throttled > 1);
    await eventually(() => warnings.codes.length > 0);
    assert.deepEqual(warnings.codes, ["MERINO_RETRY_BUDGET"]);
    assert.match(warnings.messages[0] ?? "", /budget of 7 further attempts for calls of '\S*work'/);
  });

  test("ends a call that is about to try again when the pool closes", async () => {
    const retry = { backoff: { initial: 60_000, max: 60_000 } };
    await using t = useWorkers(["a", "b"], { idempotent: { work: { retry } } });
    await t.ready(2);
    const call = t.call("work");
    await eventually(() => t.runs() === 1);
    t.carrier("a").cut();
    await eventually(
      () =>
        t.dispatcher.counts.retried === 0 &&
        t.dispatcher.unsettled === 1 &&
        t.membership.get("a")?.ready !== true,
    );
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    let settled = false;
    const over = t.dispatcher.settled().then(() => {
      settled = true;
    });
    await new Promise(setImmediate);
    assert.equal(settled, false);

    t.dispatcher.abortAll(() => new Error("closed"));

    await assert.rejects(call, /closed/);
    await over;
    assert.equal(t.runs(), 1);
  });

  test("learns when to hedge from the routine's own calls", async () => {
    await using t = useWorkers(["a", "b"], { idempotent: { quick: { hedge: {} }, work: { hedge: {} } } });
    await t.ready(2);
    for (let n = 0; n < 30; n++) assert.equal(typeof (await t.call("quick")), "string");

    const call = t.call("work");
    await eventually(() => t.runs() === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);

    assert.equal(t.runs(), 1, "nothing is known of this routine");
    t.body("a").end.resolve("a");
    assert.equal(await call, "a");
  });
});
