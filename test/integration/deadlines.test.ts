/** Budgets of calls on real pools: where they run out, how they shrink, and what they refuse. */
// runs early: it waits for most of its time, for budgets that run out
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { type CallOptions, type MerinoError, TimeoutError, WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { useSharedWorker } from "./fixtures/busy-worker.ts";
import * as routines from "./fixtures/cancellation-routines.ts";
import { rejection, useEffects } from "./fixtures/pool-support.ts";

/** What a TimeoutError says, apart from its message. */
function facts(error: unknown): Record<string, unknown> {
  assert.ok(error instanceof TimeoutError);
  const { name, code, fault, phase, routine } = error;
  return { name, code, fault, phase, routine };
}

function expected(phase: string, routine: { readonly id: string }): Record<string, unknown> {
  return { name: "TimeoutError", code: "ERR_MERINO_TIMEOUT", fault: "caller", phase, routine: routine.id };
}

test("a timeout", async (t) => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  using effects = useEffects();

  await t.test("says that the call was sent when its worker is busy with another", async () => {
    await using shared = await useSharedWorker();
    const held = await shared.hold();

    const error = await rejection(
      routines.mark.with({ timeout: 100, pool: shared.proxy })(effects.path("sent")),
    );

    assert.deepEqual(facts(error), expected("sent", routines.mark));
    assert.equal((error as TimeoutError).timeout, 100);
    await held.release();
    await routines.pid.with({ pool: shared.proxy })();
    assert.deepEqual(effects.lines("sent"), []);
  });

  await t.test("says that the call was queued when no worker had room", async () => {
    const busy = routines.spinUntil(effects.path("go"), effects.path("busy"));
    await eventually(() => effects.lines("busy").length > 0);

    const error = await rejection(routines.mark.with({ timeout: 100 })(effects.path("queued")));

    assert.deepEqual(facts(error), expected("queued", routines.mark));
    assert.equal(pool.stats().queued, 0);
    writeFileSync(effects.path("go"), "");
    await busy;
    await routines.pid();
    assert.deepEqual(effects.lines("queued"), []);
  });

  await t.test("says that the call was running, and fires the signal of its task", async () => {
    // Both sides watch the budget: a body that ended with its signal could be the first.
    const call = routines.untilAborted.with({ timeout: 1_000 })(effects.path("running"), 1_000);

    const error = await rejection(call);

    assert.deepEqual(facts(error), expected("running", routines.untilAborted));
    await eventually(() => effects.lines("running").length === 2);
    assert.match(effects.lines("running")[1] ?? "", /TimeoutError/);
  });

  await t.test("counts as a cancellation and leaves the worker as it was", async () => {
    const before = await routines.pid();
    const { cancelled } = pool.stats();

    await rejection(routines.snooze.with({ timeout: 50 })(400));

    assert.equal(pool.stats().cancelled, cancelled + 1);
    assert.equal(await routines.pid(), before);
  });

  await t.test("does nothing to a call that ends in time", async () => {
    assert.equal(await routines.snooze.with({ timeout: 30_000 })(10), 10);
  });

  await t.test("may be a routine's own, which a call's takes the place of", async () => {
    const error = await rejection(routines.hasty(20_000));

    assert.deepEqual(facts(error), expected("running", routines.hasty));
    assert.equal((error as TimeoutError).timeout, 1_000);
    assert.equal(await routines.hasty.with({ timeout: 30_000 })(1_100), 1_100);
  });

  await t.test("of a stream is the budget of the whole of it", async () => {
    const seen: number[] = [];

    const error = await rejection(
      (async () => {
        for await (const n of routines.tick.with({ timeout: 1_500 })(20, effects.path("whole"))) seen.push(n);
      })(),
    );

    assert.deepEqual(facts(error), expected("running", routines.tick));
    assert.ok(seen.length > 1, "single steps are far shorter than the budget");
    await eventually(() => effects.lines("whole").includes("finally"));
  });

  await t.test("ends a stream also while it is suspended", async () => {
    const stream = routines.tick.with({ timeout: 1_000 })(1, effects.path("suspended"));
    await stream.next();
    await eventually(() => effects.lines("suspended").includes("finally"));

    const error = await rejection(stream.next());

    assert.deepEqual(facts(error), expected("running", routines.tick));
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
  });

  await t.test("of a stream begins with its first step", async () => {
    const stream = routines.tick.with({ timeout: 1_000 })(1, effects.path("late"));
    await rejection(routines.snooze.with({ timeout: 1_200 })(60_000));

    assert.deepEqual(await stream.next(), { value: 0, done: false });
    await stream.return(undefined as never);
  });
});

test("a budget", async (t) => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 2 });
  using effects = useEffects();

  await t.test("is there for the task and for what it calls, and shrinks on the way", async () => {
    await routines.budgets();

    const [outer = Number.NaN, inner = Number.NaN] = await routines.budgets.with({ timeout: 20_000 })();

    assert.ok(outer > 0 && outer <= 20_000, `${outer}`);
    // The two clocks meet only through the budget that travels, which is rounded up to whole microseconds.
    assert.ok(inner > 0 && inner <= outer + 1, `${inner} of ${outer}`);
  });

  await t.test("is not extended by a call's own, only shortened", async () => {
    const [outer = Number.NaN, longer = Number.NaN] = await routines.budgets.with({ timeout: 10_000 })(
      60_000,
    );
    const [, shorter = Number.NaN] = await routines.budgets.with({ timeout: 10_000 })(500);

    assert.ok(longer > 0 && longer <= outer + 1, `${longer} of ${outer}`);
    assert.ok(shorter > 0 && shorter <= 501, `${shorter}`);
  });

  await t.test("is absent where nobody set one", async () => {
    assert.deepEqual(await routines.budgets(), [undefined, undefined]);
  });

  await t.test("that runs out ends the calls nested in it", async () => {
    // Once before, so that the workers have found one another and all bodies are there well before the budget ends.
    const controller = new AbortController();
    const found = routines.descend.with({ signal: controller.signal })(effects.path("before"), 3);
    await eventually(() => effects.lines("before").length === 4, { withinMs: 60_000 });
    controller.abort();
    await rejection(found);
    await eventually(() => effects.lines("before").filter((line) => line.startsWith("aborted")).length === 4);

    const error = await rejection(routines.descend.with({ timeout: 10_000 })(effects.path("descend"), 3));

    assert.deepEqual(facts(error), expected("running", routines.descend));
    // The budgets of two workers end at nearly the same time: a body may learn of it first by the call in it.
    const endings = (): string[] => effects.lines("descend").filter((line) => !line.startsWith("at"));
    const ended = (): Set<string> => new Set(endings().map((line) => line.split(" ")[1] ?? ""));
    await eventually(() => ended().size === 4, { withinMs: 20_000 });
    for (const line of endings()) assert.match(line, /TimeoutError/);
  });
});

test("a dispatchTimeout", async (t) => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  using effects = useEffects();

  await t.test("bounds the search for a worker", async () => {
    const busy = routines.spinUntil(effects.path("go"), effects.path("busy"));
    await eventually(() => effects.lines("busy").length > 0);

    const error = await rejection(routines.mark.with({ dispatchTimeout: 100 })(effects.path("queued")));
    const streamError = await rejection(
      routines.generateMarks.with({ dispatchTimeout: 100 })(effects.path("queued")).next(),
    );

    assert.deepEqual(facts(error), expected("queued", routines.mark));
    assert.deepEqual(facts(streamError), expected("queued", routines.generateMarks));
    writeFileSync(effects.path("go"), "");
    await busy;
    await routines.pid();
    assert.deepEqual(effects.lines("queued"), []);
  });

  await t.test("bounds the wait for a worker that was sent the call and does not answer", async () => {
    await using shared = await useSharedWorker();
    const held = await shared.hold();

    const error = await rejection(
      routines.mark.with({ dispatchTimeout: 100, pool: shared.proxy })(effects.path("sent")),
    );

    assert.deepEqual(facts(error), expected("sent", routines.mark));
    await held.release();
    await routines.pid.with({ pool: shared.proxy })();
    assert.deepEqual(effects.lines("sent"), []);
  });

  await t.test("does not bound the call once it is accepted", async () => {
    await routines.snooze(1);

    assert.equal(await routines.snooze.with({ dispatchTimeout: 1_000 })(1_200), 1_200);
    const stream = routines.tick.with({ dispatchTimeout: 1_000 })(600, effects.path("accepted"));
    const answers = await Promise.all([stream.next(), stream.next(), stream.next()]);
    assert.deepEqual(
      answers.map(({ value }) => value),
      [0, 1, 2],
    );
    await stream.return(undefined as never);
    assert.equal(pool.stats().unsettled, 0);
  });
});

test("a bad option rejects the promise of the call, or the first step, and throws nothing", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  const durations = [0, -1, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 31, "1", null, {}];
  const bad: readonly (readonly [string, unknown])[] = [
    ...durations.map((value) => ["timeout", value] as const),
    ...durations.map((value) => ["dispatchTimeout", value] as const),
    ...[-1, 1.5, Number.NaN, 1_000_001, "2", null].map((value) => ["prefetch", value] as const),
    ...[{}, "signal", null].map((value) => ["signal", value] as const),
    ...[1, null, {}].map((value) => ["tag", value] as const),
    ...[{}, "pool", null].map((value) => ["pool", value] as const),
  ];

  for (const [option, value] of bad) {
    const options = { [option]: value } as CallOptions;
    for (const error of [
      await rejection(routines.pid.with(options)()),
      await rejection(routines.tick.with(options)(1, "").next()),
    ]) {
      assert.equal((error as MerinoError).code, "ERR_MERINO_INVALID_OPTION", `${option} ${String(value)}`);
      assert.equal((error as { option?: unknown }).option, option);
    }
  }
  for (const options of [null, 1, "text"]) {
    const error = await rejection(routines.pid.with(options as unknown as CallOptions)());
    assert.equal((error as MerinoError).code, "ERR_MERINO_INVALID_OPTION");
  }
  assert.equal(pool.stats().calls, 0);
});
