/** Remote generators on real pools: everything a native generator does, and what only a remote one can. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { type MerinoError, ProcessWorker, WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { runNode } from "../support/run-node.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { rejection, useEffects } from "./fixtures/pool-support.ts";
import * as routines from "./fixtures/streaming-routines.ts";

const MIB = 1024 * 1024;

/** A generator as a script drives it. */
type AnyGenerator = AsyncGenerator<unknown, unknown, unknown>;

/** One step of a script: what to do, and whether its answer is awaited before the next one. */
interface Act {
  readonly kind: "next" | "throw" | "return";
  readonly value: number;
  readonly awaited: boolean;
}

const plans: fc.Arbitrary<routines.Plan> = fc.record({
  steps: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant("yield" as const) },
      { weight: 1, arbitrary: fc.constantFrom("throw" as const, "return" as const, "pause" as const) },
    ),
    { maxLength: 6 },
  ),
  catches: fc.boolean(),
  finally: fc.constantFrom("nothing", "yield", "throw", "return"),
});

const scripts: fc.Arbitrary<Act[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 4, arbitrary: fc.constant("next" as const) },
      { weight: 1, arbitrary: fc.constantFrom("throw" as const, "return" as const) },
    ),
    value: fc.integer({ min: 0, max: 9 }),
    awaited: fc.boolean(),
  }),
  { minLength: 1, maxLength: 9 },
);

/** Drives a generator through a script; answers and errors as data, in the order of the steps. */
async function play(generator: AnyGenerator, script: readonly Act[]): Promise<unknown[]> {
  const answers: Promise<unknown>[] = [];
  for (const { kind, value, awaited } of script) {
    const answer = (
      kind === "next"
        ? generator.next(value)
        : kind === "return"
          ? generator.return(value)
          : generator.throw(new Error(`thrown ${value}`))
    ).catch((error: unknown) => ({ rejected: String(error) }));
    answers.push(answer);
    if (awaited) await answer;
  }
  return Promise.all(answers);
}

/** A plain generator behind the interface of an asynchronous one, by the language's own means. */
async function* asynchronous(generator: Generator<unknown, unknown, unknown>): AnyGenerator {
  return yield* generator;
}

test("a remote generator answers like a native one", async (t) => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  const { scripted, scriptedPlain } = routines;

  await t.test("whatever is done to an async generator", async () => {
    await fc.assert(
      fc.asyncProperty(plans, scripts, async (plan, script) => {
        const expected = await play(scripted.local(plan), script);
        const actual = await play(scripted.with({ pool })(plan), script);
        assert.deepEqual(actual, expected);
      }),
      { numRuns: 300 },
    );
  });

  await t.test("whatever is done to a plain generator", async () => {
    await fc.assert(
      fc.asyncProperty(plans, scripts, async (plan, script) => {
        const expected = await play(asynchronous(scriptedPlain.local(plan)), script);
        const actual = await play(scriptedPlain.with({ pool })(plan), script);
        assert.deepEqual(actual, expected);
      }),
      { numRuns: 300 },
    );
  });

  await t.test("and leaves no call behind", async () => {
    // A script may leave its generator suspended; dropped ones are ended when they are collected, not sooner.
    await pool.close({ grace: 0 });

    assert.equal(pool.stats().unsettled, 0);
    assert.equal(pool.stats().queued, 0);
  });
});

test("a remote generator", async (t) => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  using effects = useEffects();

  await t.test("gives its values and then its return value", async () => {
    for (const count of [routines.countTo, routines.countToPlain]) {
      const numbers = count(2);

      assert.deepEqual(await numbers.next(), { value: 1, done: false });
      assert.deepEqual(await numbers.next(), { value: 2, done: false });
      assert.deepEqual(await numbers.next(), { value: "counted", done: true });
      assert.deepEqual(await numbers.next(), { value: undefined, done: true });
      assert.deepEqual(await numbers.return("after"), { value: "after", done: true });
      assert.equal(await rejection(numbers.throw("after")), "after");
    }
  });

  await t.test("may be empty", async () => {
    const none = routines.nothing();

    assert.deepEqual(await none.next(), { value: "nothing to give", done: true });
  });

  await t.test("takes what next() sends as the value of its yield", async () => {
    const talk = routines.conversation("hello");

    assert.equal((await talk.next("unheard")).value, "hello");
    assert.equal((await talk.next("one")).value, "you said one");
    assert.equal((await talk.next("two")).value, "you said two");
    assert.deepEqual(await talk.next("bye"), { value: 2, done: true });
  });

  await t.test("queues steps asked for at once, in order", async () => {
    const numbers = routines.countTo(3);

    const answers = await Promise.all([
      numbers.next(),
      numbers.next(),
      numbers.next(),
      numbers.next(),
      numbers.next(),
    ]);

    assert.deepEqual(
      answers.map(({ value }) => value),
      [1, 2, 3, "counted", undefined],
    );
  });

  await t.test("catches what throw() throws into it, as an error of its class", async () => {
    const numbers = routines.restartable();
    await numbers.next();
    await numbers.next();

    const after = await numbers.throw(Object.assign(new RangeError("again"), { from: 40 }));

    assert.deepEqual(after, { value: 40, done: false });
    assert.equal((await numbers.next()).value, 41);
    await numbers.return();
  });

  await t.test("passes on what it does not catch, and is done", async () => {
    const numbers = routines.countTo(3);
    await numbers.next();

    const error = await rejection(numbers.throw(new RangeError("not caught")));

    assert.ok(error instanceof RangeError);
    assert.equal(error.message, "not caught");
    assert.deepEqual(await numbers.next(), { value: undefined, done: true });
  });

  await t.test("runs nothing when it is returned or thrown at before its first step", async () => {
    const calls = pool.stats().calls;
    const returned = routines.marked(effects.path("unstarted"));
    const thrown = routines.marked(effects.path("unstarted"));

    assert.deepEqual(await returned.return("value" as never), { value: "value", done: true });
    assert.equal(await rejection(thrown.throw("reason")), "reason");
    assert.deepEqual(await returned.next(), { value: undefined, done: true });
    assert.deepEqual(await thrown.next(), { value: undefined, done: true });

    assert.deepEqual(effects.lines("unstarted"), []);
    assert.equal(pool.stats().calls, calls);
  });

  await t.test("awaits its remote finally when a loop breaks", async () => {
    for await (const n of routines.marked(effects.path("break"), 100)) if (n === 1) break;
    const afterLoop = effects.lines("break");

    assert.deepEqual(afterLoop, ["start", "value 0", "value 1", "finally"]);
  });

  await t.test("awaits its remote finally when a loop's body throws", async () => {
    const error = await rejection(
      (async () => {
        for await (const n of routines.marked(effects.path("throw"), 100)) throw new RangeError(`at ${n}`);
      })(),
    );

    assert.deepEqual(effects.lines("throw"), ["start", "value 0", "finally"]);
    assert.ok(error instanceof RangeError);
  });

  await t.test("awaits its remote finally when it is disposed of", async () => {
    {
      await using numbers = routines.marked(effects.path("dispose"), 50);
      await numbers.next();
    }

    assert.deepEqual(effects.lines("dispose"), ["start", "value 0", "finally"]);
  });

  await t.test("may yield from its finally and is read on, beyond returnGrace", async () => {
    const texts = routines.yieldsInFinally.with({ returnGrace: 100 })(3);
    await texts.next();

    const answer = await texts.return("given" as never);
    // Until well past the grace, by a deadline of the same queue: the return was answered, so nothing may happen then.
    const clock = routines.waitsInStep.with({ timeout: 400 })(effects.path("past"));
    await clock.next();
    await rejection(clock.next());
    assert.deepEqual(answer, { value: "finally 1", done: false });
    assert.deepEqual(await texts.next(), { value: "finally 2", done: false });
    assert.deepEqual(await texts.next(), { value: "finally 3", done: false });
    assert.deepEqual(await texts.next(), { value: "given", done: true });
  });

  await t.test("whose finally hangs is cancelled after returnGrace, and the consumer goes on", async () => {
    const numbers = routines.hangsInFinally.with({ returnGrace: 100 })(effects.path("hangs"));
    await numbers.next();

    const answer = await numbers.return("given" as never);

    assert.deepEqual(answer, { value: "given", done: true });
    assert.deepEqual(await numbers.next(), { value: undefined, done: true });
    await eventually(() => effects.lines("hangs").includes("cancelled"));
  });

  await t.test("gives its finally 5 s unless told otherwise", async () => {
    const startMs = performance.now();

    for await (const _ of routines.hangsInFinally(effects.path("default"))) break;

    assert.ok(performance.now() - startMs >= 4_900);
    await eventually(() => effects.lines("default").includes("cancelled"));
  });

  await t.test("refuses a returnGrace that is no duration", async () => {
    for (const returnGrace of [0, -1, Number.NaN, 2 ** 31]) {
      const error = await rejection(routines.countTo.with({ returnGrace })(1).next());

      assert.equal((error as MerinoError).code, "ERR_MERINO_INVALID_OPTION");
    }
  });

  await t.test("fails in the midst of its stream with the error's class, message and fields", async () => {
    const numbers = routines.failsAfter(2);
    const seen: number[] = [];

    const error = await rejection(
      (async () => {
        for await (const n of numbers) seen.push(n);
      })(),
    );

    assert.deepEqual(seen, [0, 1]);
    assert.ok(error instanceof RangeError);
    assert.equal(error.message, "out of values");
    assert.equal((error as RangeError & { values?: unknown }).values, 2);
    assert.deepEqual(await numbers.next(), { value: undefined, done: true });
  });

  await t.test(
    "passes on errors of unknown classes with their fields, and what is no error as it is",
    async () => {
      const odd = routines.throwsOddly("class");
      await odd.next();
      const error = await rejection(odd.next());
      const text = routines.throwsOddly("text");
      await text.next();

      assert.equal((error as Error).name, "Unregistered");
      assert.deepEqual((error as { detail?: unknown }).detail, { depth: 2 });
      assert.ok((error as Error).cause instanceof TypeError);
      assert.equal(await rejection(text.next()), "a text");
    },
  );

  await t.test("that yields what cannot travel runs its finally and fails with the path", async () => {
    const values = routines.yieldsFunction(effects.path("function"));
    await values.next();

    const error = await rejection(values.next());

    assert.equal((error as MerinoError).code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal((error as { path?: unknown }).path, "result.callback");
    assert.deepEqual(effects.lines("function"), ["finally"]);
  });

  await t.test("goes on after a value sent to it could not travel", async () => {
    const talk = routines.conversation("hello");
    await talk.next();

    const error = await rejection(talk.next((() => "no") as never));

    assert.equal((error as MerinoError).code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal((await talk.next("yes")).value, "you said yes");
    await talk.return(0);
  });

  await t.test(
    "gives the values of the promises that a plain one yields, and throws their errors at the yield",
    async () => {
      const kept: unknown[] = [];
      for await (const value of routines.promises(false)) kept.push(value);
      const broken: unknown[] = [];
      for await (const value of routines.promises(true)) broken.push(value);

      assert.deepEqual(kept, [1, 2]);
      assert.deepEqual(broken, [1, -1]);
    },
  );

  await t.test("captures its arguments at the call", async () => {
    const value = { items: [1] };
    const repeated = routines.repeat(value, 2);
    value.items.push(2);

    assert.deepEqual((await repeated.next()).value, { items: [1] });
    await repeated.return();
  });

  await t.test("refuses arguments that cannot travel at its first step, once", async () => {
    const repeated = routines.repeat({ callback: () => 1 }, 2);

    const error = await rejection(repeated.next());

    assert.equal((error as MerinoError).code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal((error as { path?: unknown }).path, "args[0].callback");
    assert.deepEqual(await repeated.next(), { value: undefined, done: true });
  });

  await t.test("streams a hundred thousand small values in order", async () => {
    let sum = 0;
    let count = 0;
    for await (const n of routines.countTo.with({ prefetch: 256 })(100_000)) {
      count += 1;
      assert.equal(n, count);
      sum += n;
    }

    assert.equal(sum, 5_000_050_000);
  });

  await t.test("streams values of 5 MiB, one at a time and ahead", async () => {
    for (const prefetch of [0, 3]) {
      let count = 0;
      for await (const block of routines.blocks.with({ prefetch })(6, 5 * MIB)) {
        count += 1;
        assert.equal(block.byteLength, 5 * MIB);
        assert.ok(block[0] === count && block[5 * MIB - 1] === count);
      }
      assert.equal(count, 6);
    }
  });
});

test("a remote generator goes to the pool in scope where it is made, not where it is read", async () => {
  await using _leaks = leakCheck();
  await using first = await WorkerPool.open({ size: 1, ambient: false });
  await using second = await WorkerPool.open({ size: 1 });

  const inRun = first.run(() => routines.homes());
  const outside = routines.homes();

  const homeInRun = (await inRun.next()).value;
  const homeOutside = (await first.run(() => outside.next())).value;
  assert.equal(homeInRun, first.workers[0]?.uid);
  assert.equal(homeOutside, second.workers[0]?.uid);
  await inRun.return(undefined as never);
  await outside.return(undefined as never);
});

test("a remote generator without a pool fails at its first step", async () => {
  await using _leaks = leakCheck();

  const error = await rejection(routines.countTo(1).next());

  assert.equal((error as MerinoError).code, "ERR_MERINO_NO_ACTIVE_POOL");
});

test("a remote generator with prefetch", async (t) => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 1 });
  using effects = useEffects();

  await t.test("runs ahead by as many values and no more", async () => {
    const numbers = routines.counted.with({ prefetch: 4 })(0);
    await numbers.next();
    const afterFirst = await steady(() => routines.producedSoFar().then(({ produced }) => produced));
    for (let n = 0; n < 10; n += 1) await numbers.next();
    const afterEleven = await steady(() => routines.producedSoFar().then(({ produced }) => produced));
    await numbers.return(undefined as never);

    // Credit goes back in lots of half the prefetch, so the lead is between half of it and all of it.
    assert.ok(afterFirst >= 1 + 2 && afterFirst <= 1 + 4, `${afterFirst} after one`);
    assert.ok(afterEleven >= 11 + 2 && afterEleven <= 11 + 4, `${afterEleven} after eleven`);
  });

  await t.test("runs ahead by one when told one", async () => {
    const numbers = routines.counted.with({ prefetch: 1 })(0);
    await numbers.next();

    assert.equal(await steady(() => routines.producedSoFar().then(({ produced }) => produced)), 2);
    await numbers.return(undefined as never);
  });

  await t.test("gives the same values, in order, also to steps asked for at once", async () => {
    for (const prefetch of [1, 2, 7, 100]) {
      const numbers = routines.countTo.with({ prefetch })(20);
      const answers = await Promise.all(Array.from({ length: 22 }, () => numbers.next()));

      assert.deepEqual(
        answers.map(({ value }) => value),
        [...Array.from({ length: 20 }, (_, index) => index + 1), "counted", undefined],
      );
    }
  });

  await t.test("hands out what came ahead of an error before the error", async () => {
    const numbers = routines.failsAfter.with({ prefetch: 10 })(5);
    const seen: number[] = [];

    const error = await rejection(
      (async () => {
        for await (const n of numbers) seen.push(n);
      })(),
    );

    assert.deepEqual(seen, [0, 1, 2, 3, 4]);
    assert.ok(error instanceof RangeError);
  });

  await t.test("refuses a value with next() and goes on", async () => {
    const talk = routines.conversation.with({ prefetch: 2 })("hello");

    const error = await rejection(talk.next("one"));

    assert.equal((error as MerinoError).code, "ERR_MERINO_INVALID_OPTION");
    assert.equal((error as { option?: unknown }).option, "prefetch");
    assert.equal((await (talk as AnyGenerator).next()).value, "hello");
    await talk.return(0);
  });

  await t.test("discards what came ahead when an error is thrown in", async () => {
    const numbers = routines.restartable.with({ prefetch: 8 })();
    await numbers.next();
    await numbers.next();

    const after = await numbers.throw(Object.assign(new Error("again"), { from: 100 }));
    const following = [(await numbers.next()).value, (await numbers.next()).value];

    assert.deepEqual(after, { value: 100, done: false });
    assert.deepEqual(following, [101, 102]);
    for (let n = 103; n < 150; n += 1) assert.equal((await numbers.next()).value, n);
    await numbers.return();
  });

  await t.test("answers steps asked for before and after a throw, each with what is due to it", async () => {
    const numbers = routines.restartable.with({ prefetch: 3 })();

    const answers = await Promise.all([
      numbers.next(),
      numbers.next(),
      numbers.throw(Object.assign(new Error("again"), { from: 50 })),
      numbers.next(),
    ]);

    assert.deepEqual(
      answers.map(({ value }) => value),
      [0, 1, 50, 51],
    );
    await numbers.return();
  });

  await t.test("is cut short in the step under way by return, which still gives its value", async () => {
    const path = effects.path("cut");
    const texts = routines.waitsInStep.with({ prefetch: 2 })(path);
    await texts.next();
    await eventually(() => effects.lines("cut").includes("waiting"));

    const answer = await texts.return("given");

    assert.deepEqual(answer, { value: "given", done: true });
    assert.deepEqual(effects.lines("cut"), ["waiting", "finally"]);
  });

  await t.test("ends a loop that breaks without an error, whatever step is under way", async () => {
    const path = effects.path("cut-loop");

    for await (const _ of routines.waitsInStep.with({ prefetch: 2 })(path)) {
      await eventually(() => effects.lines("cut-loop").includes("waiting"));
      break;
    }

    assert.deepEqual(effects.lines("cut-loop"), ["waiting", "finally"]);
  });

  await t.test("yields from its finally after a return, like any other", async () => {
    const texts = routines.yieldsInFinally.with({ prefetch: 3 })(2, 100);
    await texts.next();

    assert.deepEqual(await texts.return("given" as never), { value: "finally 1", done: false });
    assert.deepEqual(await texts.next(), { value: "finally 2", done: false });
    assert.deepEqual(await texts.next(), { value: "given", done: true });
  });

  await t.test("does not run beyond a window in bytes while its consumer is slow", async () => {
    const before = await routines.producedSoFar();
    const numbers = routines.counted.with({ prefetch: 1_000 })(MIB);
    await numbers.next();

    const lead = await steady(() => routines.producedSoFar().then(({ produced }) => produced));
    const { rss } = await routines.producedSoFar();

    assert.ok(lead <= 8, `${lead} values of 1 MiB`);
    assert.ok(rss - before.rss < 200 * MIB, `${rss - before.rss} bytes more`);
    // A worker that stops at the window must hear that its values were taken, long before 500 of them were.
    for (let n = 1; n < 20; n += 1) assert.equal((await numbers.next()).value?.[0 as never], n % 251);
    await numbers.return(undefined as never);
  });
});

test("a suspended generator holds no place among a worker's calls", async () => {
  await using _leaks = leakCheck();
  const worker = ProcessWorker.factory({ maxConcurrentCalls: 1 });
  await using _pool = await WorkerPool.open({ size: 1, worker });
  const suspended = [
    routines.countTo(10),
    routines.countTo(10),
    routines.countTo.with({ prefetch: 2 })(10),
    routines.countTo.with({ prefetch: 2 })(10),
  ];
  for (const generator of suspended) await generator.next();

  const pid = await routines.pid.with({ timeout: 20_000 })();

  assert.ok(pid > 0);
  for (const generator of suspended) {
    assert.equal((await generator.next()).value, 2);
    await generator.return(undefined as never);
  }
});

test("an unfinished generator and an open pool do not keep the process alive", async () => {
  await using _leaks = leakCheck();
  using effects = useEffects();

  // What a program that does not close its pool leaves in the runtime directory is not this test's subject.
  const { exitCode, stdout, stderr } = await runNode(program("unfinished-generator.ts"), {
    env: { XDG_RUNTIME_DIR: effects.path(".") },
  });

  assert.equal(stderr, "");
  assert.deepEqual(stdout.split("\n"), ["first 1", "held function", ""]);
  assert.equal(exitCode, 0);
});

test("a generator that is dropped runs its remote finally once it is collected", async () => {
  await using leaks = leakCheck();
  using effects = useEffects();

  const { stdout, stderr } = await runNode(
    ["--expose-gc", ...program("dropped-generator.ts"), effects.path("dropped"), "dropped"],
    { env: { XDG_RUNTIME_DIR: leaks.runtimeRoot } },
  );

  assert.equal(stderr, "");
  assert.equal(stdout, "closed\n");
});

test("a generator that is dropped while a step of it is awaited answers that step first", async () => {
  await using leaks = leakCheck();
  using effects = useEffects();

  const { stdout, stderr } = await runNode(
    ["--expose-gc", ...program("dropped-generator.ts"), effects.path("awaited"), "awaited"],
    { env: { XDG_RUNTIME_DIR: leaks.runtimeRoot } },
  );

  assert.equal(stderr, "");
  assert.equal(stdout, "value 0\nclosed\n");
});

function program(name: string): string[] {
  return [...TYPESCRIPT_FLAGS, fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))];
}

/** Resolves with a number once several looks in a row have found the same. */
async function steady(look: () => Promise<number>): Promise<number> {
  let last = Number.NaN;
  let same = 0;
  return eventually(
    async () => {
      const now = await look();
      same = now === last ? same + 1 : 0;
      last = now;
      return same >= 10 ? now : undefined;
    },
    { withinMs: 20_000, everyMs: 10 },
  );
}
