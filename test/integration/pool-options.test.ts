/** Options of calls and of worker processes: bad ones are refused at once, good ones have their effect. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type CallOptions,
  InvalidOptionError,
  isMain,
  ProcessWorker,
  TimeoutError,
  WorkerPool,
} from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import {
  add,
  homes,
  nestedHome,
  readEnvironment,
  snooze,
  stackTraceLimit,
  tagOf,
} from "./fixtures/pool-routines.ts";
import { rejection } from "./fixtures/pool-support.ts";

const notDuration = fc.oneof(
  fc.double({ max: 0, noNaN: true }),
  fc.double({ min: 2 ** 31, noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom<unknown>(Number.NaN, null, "5", {}, true),
);

const CALL_OPTIONS: Readonly<Record<keyof CallOptions, fc.Arbitrary<unknown>>> = {
  timeout: notDuration,
  dispatchTimeout: notDuration,
  runTimeout: notDuration,
  priority: fc.oneof(
    fc.integer({ min: 2 ** 31, max: 2 ** 40 }),
    fc.constantFrom<unknown>(0.5, -(2 ** 31) - 1, null, "1", Number.NaN),
  ),
  signal: fc.constantFrom<unknown>(null, {}, new AbortController(), { aborted: false }),
  tag: fc.constantFrom<unknown>(null, 1, {}),
  pool: fc.constantFrom<unknown>(null, 1, {}, "pool"),
  prefetch: fc.oneof(
    fc.integer({ max: -1 }),
    fc.integer({ min: 1_000_001 }),
    fc.constantFrom<unknown>(0.5, null, "1"),
  ),
  returnGrace: fc.oneof(
    fc.double({ max: -Number.MIN_VALUE, noNaN: true }),
    fc.constantFrom<unknown>(Number.NaN, null, "5", {}, true),
  ),
  copy: fc.constantFrom<unknown>(null, 1, "true"),
  idempotencyKey: fc.constantFrom<unknown>(null, 1, "", "é".repeat(129)),
};

const PROCESS_OPTIONS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  execArgv: fc.constantFrom<unknown>(null, "--flag", [1], ["a\0b"]),
  env: fc.constantFrom<unknown>(null, 1, ["A=1"], { A: 1 }, { "A=B": "1" }, { A: "\0" }),
  startTimeout: notDuration,
  importTimeout: notDuration,
  maxConcurrentCalls: fc.oneof(fc.integer({ max: 0 }), fc.constantFrom<unknown>(1.5, null, "1")),
  maxMessageSize: fc.oneof(fc.integer({ max: 0 }), fc.constantFrom<unknown>(1.5, null, "1")),
};

/** Whether the error names the option, its value and what was expected. */
function assertRefusal(error: unknown, option: string, value: unknown): void {
  assert.ok(error instanceof InvalidOptionError, String(error));
  assert.equal(error.option, option);
  assert.ok(Object.is(error.value, value));
  assert.notEqual(error.expected, "");
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("It did not throw");
}

describe("Arguments of the pool's methods", () => {
  test("are refused in Merino's words when they are of another kind", async () => {
    await using _ = leakCheck();
    await using pool = new WorkerPool({ size: 1 });
    const bad: readonly [string, unknown, (value: never) => unknown][] = [
      ["fn", 3, (value) => pool.run(value)],
      ["fn", undefined, (value) => pool.run(value)],
      ["options", null, (value) => pool.events(value)],
      ["signal", 1, (value) => pool.events({ signal: value })],
      ["options", null, (value) => pool.close(value)],
      ["meta", undefined, (value) => isMain(value)],
      ["meta", {}, (value) => isMain(value)],
    ];
    for (const [option, value, act] of bad) {
      assertRefusal(
        thrownBy(() => act(value as never)),
        option,
        value,
      );
    }
  });
});

describe("routine.with", () => {
  for (const [option, values] of Object.entries(CALL_OPTIONS)) {
    test(`refuses a bad ${option}: the call rejects, nothing throws`, async () => {
      await fc.assert(
        fc.asyncProperty(values, async (value) => {
          const call = add.with({ [option]: value });

          assertRefusal(await rejection(call(1, 2)), option, value);
        }),
      );
    });
  }

  test("bounds the whole call with timeout, and names the phase it was in", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ size: 1 });

    const error = await rejection(snooze.with({ timeout: 200 })(60_000));

    assert.ok(error instanceof TimeoutError);
    assert.equal(error.timeout, 200);
    assert.ok(["queued", "sent", "running"].includes(error.phase));
  });

  test("bounds the search for a worker with dispatchTimeout, not the body", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });
    await snooze(0);

    const at = await snooze.with({ dispatchTimeout: 2_000 })(2_500);

    assert.equal(at, pool.workers[0]?.uid);
  });

  test("hands the tag to the routine, and lets a stream run ahead by its prefetch", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });

    assert.equal(await tagOf.with({ tag: "blue" })(), "blue");
    const stream = homes.with({ prefetch: 8 })();
    assert.equal((await stream.next()).value, pool.workers[0]?.uid);
    await stream.return();
    assert.equal(pool.stats().unsettled, 0);
  });
});

describe("Infinity", () => {
  test("is no limit wherever a duration may have none, from the start of a worker to the end of its pool", async () => {
    await using _ = leakCheck();
    const none = Number.POSITIVE_INFINITY;
    const worker = ProcessWorker.factory({
      ...{ startTimeout: none, importTimeout: none, keepaliveTime: none, keepaliveTimeout: none },
      host: "127.0.0.1",
    });
    const limits = { quorumTimeout: none, shutdownTimeout: none, killGrace: none };
    await using pool = await WorkerPool.open({ size: 1, worker, ...limits });
    const options = { timeout: none, dispatchTimeout: none, returnGrace: none };

    assert.equal(await add.with(options)(1, 2), 3);
    assert.equal((await nestedHome.with(options)()).inner, pool.workers[0]?.uid);
    const stream = homes.with(options)();
    assert.equal((await stream.next()).value, pool.workers[0]?.uid);
    await stream.return();
    await rejection(snooze.with({ signal: AbortSignal.timeout(1) })(60_000));
    const last = snooze(50);
    await pool.close({ grace: none });

    assert.equal(typeof (await last), "string");
  });
});

describe("ProcessWorker.factory", () => {
  for (const [option, values] of Object.entries(PROCESS_OPTIONS)) {
    test(`refuses a bad ${option}`, () => {
      fc.assert(
        fc.property(values, (value) => {
          assertRefusal(
            thrownBy(() => ProcessWorker.factory({ [option]: value })),
            option,
            value,
          );
        }),
      );
    });
  }

  test("passes execArgv and env on, and takes variables away", async () => {
    await using _ = leakCheck();
    process.env.POOL_TEST_TAKEN = "there";
    try {
      await using _pool = await WorkerPool.open({
        size: 1,
        worker: ProcessWorker.factory({
          execArgv: ["--stack-trace-limit=77"],
          env: { POOL_TEST_GIVEN: "yes", POOL_TEST_TAKEN: undefined },
        }),
      });

      assert.equal(await stackTraceLimit(), 77);
      assert.equal(await readEnvironment("POOL_TEST_GIVEN"), "yes");
      assert.equal(await readEnvironment("POOL_TEST_TAKEN"), undefined);
    } finally {
      delete process.env.POOL_TEST_TAKEN;
    }
  });

  test("limits the calls that one client has on a worker with maxConcurrentCalls", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({
      size: 1,
      worker: ProcessWorker.factory({ maxConcurrentCalls: 3 }),
    });

    const calls = Promise.all(Array.from({ length: 9 }, () => snooze(200)));
    let most = 0;
    const done = calls.then(() => true);
    await eventually(() => {
      most = Math.max(most, pool.stats().workers[0]?.inFlight ?? 0);
      return Promise.race([done, false]);
    });

    assert.equal(most, 3);
  });
});
