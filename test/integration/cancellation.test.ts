/** Cancellation on real pools: when it comes, what the caller and the worker see, and what it must not harm. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { type MerinoError, WorkerLostError, WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { useSharedWorker } from "./fixtures/busy-worker.ts";
import * as routines from "./fixtures/cancellation-routines.ts";
import { collectEvents, type Effects, ofType, rejection, useEffects } from "./fixtures/pool-support.ts";

/** Makes a routine known to be short, so that calls of it are sent ahead to a busy worker. */
async function learn(call: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < 20; n += 1) await call();
}

/** Resolves once a routine has left a line. */
async function lineOf(effects: Effects, name: string, line: string): Promise<void> {
  await eventually(() => effects.lines(name).includes(line), {
    withinMs: 20_000,
    what: `'${line}' in ${name}`,
  });
}

test("a signal", async (t) => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  using effects = useEffects();

  await t.test("that has fired keeps the call from being sent", async () => {
    const reason = { why: "before" };
    const signal = AbortSignal.abort(reason);
    const { completed, unsettled } = pool.stats();

    assert.equal(await rejection(routines.mark.with({ signal })(effects.path("before"))), reason);
    assert.equal(
      await rejection(routines.generateMarks.with({ signal })(effects.path("before")).next()),
      reason,
    );

    await routines.pid();
    assert.deepEqual(effects.lines("before"), []);
    assert.equal(pool.stats().unsettled, unsettled);
    assert.equal(pool.stats().completed, completed + 1);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  await t.test("that fires while the call is queued keeps its body from running", async () => {
    const reason = { why: "queued" };
    const controller = new AbortController();
    const busy = routines.spinUntil(effects.path("go"), effects.path("busy"));
    await lineOf(effects, "busy", "spinning");
    const call = routines.mark.with({ signal: controller.signal })(effects.path("queued"));
    const stream = routines.generateMarks.with({ signal: controller.signal })(effects.path("queued")).next();

    const rejections = Promise.all([rejection(call), rejection(stream)]);
    assert.equal(pool.stats().queued, 2);
    controller.abort(reason);

    assert.equal(pool.stats().queued, 0);
    for (const error of await rejections) assert.equal(error, reason);
    writeFileSync(effects.path("go"), "");
    await busy;
    await routines.pid();
    assert.deepEqual(effects.lines("queued"), []);
  });

  await t.test("that fires while the call waits in the worker keeps its body from running", async () => {
    await using shared = await useSharedWorker();
    const reason = { why: "sent" };
    const controller = new AbortController();
    const options = { signal: controller.signal, pool: shared.proxy };
    const held = await shared.hold();
    const outcome = rejection(routines.mark.with(options)(effects.path("sent")));
    const streamOutcome = rejection(routines.generateMarks.with(options)(effects.path("sent")).next());
    assert.equal(shared.proxy.explain().members[0]?.inFlight, 1);

    controller.abort(reason);

    assert.equal(await outcome, reason);
    assert.equal(await streamOutcome, reason);
    await held.release();
    await routines.pid.with({ pool: shared.proxy })();
    assert.deepEqual(effects.lines("sent"), []);
  });

  await t.test(
    "that fires while the body runs rejects the call at once and fires in the worker",
    async () => {
      const reason = { why: "running", list: [1, 2] };
      const controller = new AbortController();
      const call = routines.untilAborted.with({ signal: controller.signal })(effects.path("running"));
      const outcome = rejection(call);
      await lineOf(effects, "running", "started");

      controller.abort(reason);
      const settled = await Promise.race([outcome, new Promise((resolve) => setImmediate(resolve, "later"))]);

      assert.equal(settled, reason);
      await lineOf(effects, "running", JSON.stringify({ value: reason }));
    },
  );

  await t.test("that fires during a step ends the stream, finally and all", async () => {
    const reason = new RangeError("enough");
    const controller = new AbortController();
    const stream = routines.streamUntilAborted.with({ signal: controller.signal })(effects.path("streaming"));
    await stream.next();
    const outcome = rejection(stream.next());
    await lineOf(effects, "streaming", "started");

    controller.abort(reason);

    assert.equal(await outcome, reason);
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
    await lineOf(effects, "streaming", "finally");
    assert.ok(
      effects.lines("streaming").includes(JSON.stringify({ error: "RangeError", message: "enough" })),
    );
  });

  await t.test("that fires while the stream is suspended ends it, and its next step tells why", async () => {
    for (const prefetch of [0, 2]) {
      const reason = { why: "suspended", prefetch };
      const name = `suspended-${prefetch}`;
      const controller = new AbortController();
      const options = { signal: controller.signal, prefetch };
      const stream = routines.tick.with(options)(1, effects.path(name));
      await stream.next();

      controller.abort(reason);

      await lineOf(effects, name, "finally");
      assert.equal(await rejection(stream.next()), reason);
      assert.deepEqual(await stream.next(), { value: undefined, done: true });
    }
  });

  await t.test("that has ended a suspended stream leaves nothing for its return to do", async () => {
    const controller = new AbortController();
    const stream = routines.tick.with({ signal: controller.signal })(1, effects.path("returned"));
    await stream.next();

    controller.abort();

    assert.deepEqual(await stream.return("given" as never), { value: "given", done: true });
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
  });

  await t.test("whose reason cannot travel cancels all the same", async () => {
    const reason = { callback: () => 1 };
    const controller = new AbortController();
    const outcome = rejection(routines.untilAborted.with({ signal: controller.signal })(effects.path("odd")));
    await lineOf(effects, "odd", "started");

    controller.abort(reason);

    assert.equal(await outcome, reason);
    await eventually(() => effects.lines("odd").length === 2);
  });

  const REASONS: readonly (readonly [string, () => unknown, object])[] = [
    ["a text", () => "a text", { value: "a text" }],
    ["zero", () => 0, { value: 0 }],
    ["an error", () => new TypeError("why"), { error: "TypeError", message: "why" }],
    [
      "an AbortError",
      () => new DOMException("stopped", "AbortError"),
      { domException: "AbortError", message: "stopped" },
    ],
    [
      "a TimeoutError",
      () => new DOMException("too late", "TimeoutError"),
      { domException: "TimeoutError", message: "too late" },
    ],
  ];
  for (const [name, makeReason, expected] of REASONS) {
    await t.test(`shows ${name} to the worker as what it is`, async () => {
      const reason = makeReason();
      const controller = new AbortController();
      const outcome = rejection(
        routines.untilAborted.with({ signal: controller.signal })(effects.path(name)),
      );
      await lineOf(effects, name, "started");

      controller.abort(reason);

      assert.equal(await outcome, reason);
      await lineOf(effects, name, JSON.stringify(expected));
    });
  }

  await t.test("without a reason of its own has the platform's", async () => {
    const controller = new AbortController();
    const outcome = rejection(
      routines.untilAborted.with({ signal: controller.signal })(effects.path("plain")),
    );
    await lineOf(effects, "plain", "started");

    controller.abort();

    const error = await outcome;
    assert.equal(error, controller.signal.reason);
    assert.ok(error instanceof DOMException && error.name === "AbortError");
    await lineOf(effects, "plain", JSON.stringify({ domException: "AbortError", message: error.message }));
  });

  await t.test("has one listener however many calls it serves, and none when they are settled", async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", onWarning);
    const { signal } = new AbortController();

    const calls = Array.from({ length: 1_000 }, () => routines.pid.with({ signal })());
    const during = getEventListeners(signal, "abort").length;
    await Promise.all(calls);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);

    assert.equal(during, 1);
    assert.equal(getEventListeners(signal, "abort").length, 0);
    assert.deepEqual(warnings, []);
  });

  await t.test("cancels each of a thousand calls", async () => {
    const controller = new AbortController();
    const reason = new Error("all of you");
    const { cancelled } = pool.stats();
    const calls = Array.from({ length: 1_000 }, () =>
      rejection(routines.snooze.with({ signal: controller.signal })(60)),
    );

    controller.abort(reason);

    for (const error of await Promise.all(calls)) assert.equal(error, reason);
    assert.equal(getEventListeners(controller.signal, "abort").length, 0);
    assert.equal(pool.stats().cancelled, cancelled + 1_000);
    assert.equal(await routines.snooze(1), 1);
  });

  await t.test("that fires after the call has settled does nothing", async () => {
    const controller = new AbortController();
    const { cancelled } = pool.stats();
    await routines.pid.with({ signal: controller.signal })();

    controller.abort();

    await routines.pid();
    assert.equal(pool.stats().cancelled, cancelled);
  });
});

test("a signal among the arguments", async (t) => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 1 });
  using effects = useEffects();

  await t.test("is a live signal in the worker and fires with the reason", async () => {
    const controller = new AbortController();
    const call = routines.untilArgumentAborted(effects.path("live"), { signal: controller.signal });
    await lineOf(effects, "live", "signal");
    const during = getEventListeners(controller.signal, "abort").length;

    controller.abort({ code: 7 });

    assert.equal(await call, JSON.stringify({ value: { code: 7 } }));
    assert.equal(during, 1);
    assert.equal(getEventListeners(controller.signal, "abort").length, 0);
  });

  await t.test("that has fired before arrives as one that fires", async () => {
    const signal = AbortSignal.abort(new DOMException("earlier", "AbortError"));

    const reason = await routines.untilArgumentAborted(effects.path("fired"), { signal });

    assert.equal(reason, JSON.stringify({ domException: "AbortError", message: "earlier" }));
  });

  await t.test("fires during a stream", async () => {
    const controller = new AbortController();
    const stream = routines.watchArgument(controller.signal);
    await stream.next();
    controller.abort("enough");

    let last = await stream.next();
    while (last.done !== true) last = await stream.next();

    assert.equal(last.value, JSON.stringify({ value: "enough" }));
  });

  await t.test("is told from another one", async () => {
    const { signal } = new AbortController();

    const states = await routines.takeSignals(AbortSignal.abort("one"), signal);

    assert.equal(states[1], false);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  await t.test("is listened to once by all calls and by none when they are settled", async () => {
    const { signal } = new AbortController();

    const calls = Array.from({ length: 500 }, () => routines.takeSignals.with({ signal })(signal, signal));
    await Promise.race(calls);
    const during = getEventListeners(signal, "abort").length;
    await Promise.all(calls);

    assert.ok(during <= 1);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  await t.test("is refused in a result", async () => {
    const error = await rejection(routines.giveSignal());

    assert.equal((error as MerinoError).code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal((error as { path?: unknown }).path, "result.signal");
  });
});

test("cancelling a call cancels what it has called, over all workers", async () => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 2 });
  using effects = useEffects();

  const DEPTH = 6;
  // A worker that has not met the other one yet calls only itself.
  await eventually(
    async () => {
      const [one, two] = await Promise.all([routines.spread(4), routines.spread(4)]);
      return one.outer !== two.outer && one.inner.length === 2 && two.inner.length === 2;
    },
    { withinMs: 20_000 },
  );
  const controller = new AbortController();
  const outcome = rejection(
    routines.descend.with({ signal: controller.signal })(effects.path("descend"), DEPTH),
  );
  await eventually(() => effects.lines("descend").some((line) => line.startsWith("at 0 ")), {
    withinMs: 20_000,
  });

  controller.abort("all of it");

  assert.equal(await outcome, "all of it");
  const aborted = (): string[] => effects.lines("descend").filter((line) => line.startsWith("aborted"));
  await eventually(() => aborted().length === DEPTH + 1, { withinMs: 20_000 });
  const expected = Array.from({ length: DEPTH + 1 }, (_, depth) => `aborted ${depth} {"value":"all of it"}`);
  assert.deepEqual(aborted().sort(), expected);
  const pids = new Set(effects.lines("descend").flatMap((line) => /^at \d+ (\d+)$/.exec(line)?.[1] ?? []));
  assert.equal(pids.size, 2);
});

test("a body that blocks its worker after its cancellation is ended after killGrace, and the pool recovers", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1, killGrace: 300 });
  using effects = useEffects();
  const { seen } = collectEvents(pool);
  const before = await routines.pid();
  const bystander = rejection(routines.ignore(effects.path("bystander"), 60_000));
  await lineOf(effects, "bystander", "started");
  const controller = new AbortController();
  const outcome = rejection(
    routines.spin.with({ signal: controller.signal })(60_000, effects.path("blocked")),
  );
  await lineOf(effects, "blocked", "spinning");

  controller.abort("stop");

  assert.equal(await outcome, "stop");
  const lost = await bystander;
  assert.ok(lost instanceof WorkerLostError);
  assert.equal(lost.worker.culprit, routines.spin.id);
  assert.equal(lost.worker.pid, before);
  const after = await routines.pid();
  assert.notEqual(after, before);
  assert.deepEqual(
    ofType(seen, "worker-unresponsive").map(({ culprit }) => culprit),
    [routines.spin.id],
  );
  assert.equal(pool.stats().restarts, 1);
  assert.equal(pool.stats().abandoned, 0);
});

test("a body nested on another worker that blocks it is ended after killGrace of the pool", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 2, killGrace: 300 });
  using effects = useEffects();
  const { seen } = collectEvents(pool);
  const controller = new AbortController();
  const outcome = rejection(
    routines.nestedSpin.with({ signal: controller.signal })(60_000, effects.path("nested")),
  );
  await lineOf(effects, "nested", "spinning");

  controller.abort("stop");

  assert.equal(await outcome, "stop");
  await eventually(() => ofType(seen, "worker-unresponsive").length > 0, { withinMs: 20_000 });
  assert.equal(ofType(seen, "worker-unresponsive")[0]?.culprit, routines.spinElsewhere.id);
  await eventually(() => pool.stats().restarts === 1 && pool.stats().ready === 2, { withinMs: 30_000 });
});

test("a body that merely ignores its signal is abandoned and counted, and its worker lives on", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1, killGrace: 200 });
  using effects = useEffects();
  const before = await routines.pid();
  const controller = new AbortController();
  const outcome = rejection(
    routines.ignore.with({ signal: controller.signal })(effects.path("ignored"), 60_000),
  );
  await lineOf(effects, "ignored", "started");

  controller.abort("stop");

  assert.equal(await outcome, "stop");
  await eventually(() => pool.stats().abandoned === 1, { withinMs: 20_000 });
  assert.equal(await routines.pid(), before);
  assert.equal(pool.stats().restarts, 0);
  await pool.close({ grace: 0 });
});

test("cancelling a call that waits behind a long body does the body no harm", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1, killGrace: 200 });
  using effects = useEffects();
  const { seen } = collectEvents(pool);
  await learn(() => routines.spin(0));
  await learn(() => routines.mark(effects.path("learning")));
  const innocent = routines.spinUntil(effects.path("go"), effects.path("innocent"));
  const controller = new AbortController();
  const { signal } = controller;
  const sent = [1, 2, 3].map(() => rejection(routines.mark.with({ signal })(effects.path("behind"))));
  const queued = rejection(routines.snooze.with({ signal })(1));
  await lineOf(effects, "innocent", "spinning");

  controller.abort("not needed");

  for (const outcome of [...sent, queued]) assert.equal(await outcome, "not needed");
  // Until well past the grace, by a deadline of the same queue.
  await rejection(routines.snooze.with({ timeout: 600 })(1));
  writeFileSync(effects.path("go"), "");
  await innocent;
  await routines.pid();
  assert.deepEqual(ofType(seen, "worker-unresponsive"), []);
  assert.deepEqual(effects.lines("behind"), []);
  assert.equal(pool.stats().restarts, 0);
});
