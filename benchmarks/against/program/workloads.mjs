/**
 * What is measured of calls: each workload runs for about the given time and says how much it did in how much
 * time. Nothing is computed from that here; see `../calls.ts`.
 */
import process from "node:process";
import { add, busy, cpuTime, echo, fail, fibonacci, numbers } from "./jobs.mjs";
import { WORKERS } from "./pools.mjs";

const IN_FLIGHT = 100;
const PREFETCH = 64;
const LONGEST_MS = 50;
const FIBONACCI = 10;
/** Calls that it takes: each for a number from 2 up makes two more. */
const FIBONACCI_CALLS = 177;
const FIBONACCI_RESULT = 55;

export const WORKLOADS = {
  /** One call at a time, each timed. */
  async one(pool, durationMs) {
    const call = add.with({ pool });
    const timesUs = [];
    const { start, end } = from(durationMs);
    for (let now = start; now < end; ) {
      await call(1, 2);
      const then = now;
      now = performance.now();
      timesUs.push((now - then) * 1_000);
    }
    return { ...since(start, timesUs.length), timesUs: Float64Array.from(timesUs) };
  },

  /** A hundred at a time, with the CPU time that caller and workers spend on them. */
  "in-flight"(pool, durationMs) {
    const call = add.with({ pool });
    return inParallel(pool, durationMs, () => call(1, 2));
  },

  /** As `in-flight`, with bodies that throw. Nobody looks at the errors' stacks. */
  error(pool, durationMs) {
    const call = fail.with({ pool });
    return inParallel(pool, durationMs, async () => {
      try {
        await call();
      } catch (error) {
        if (error.message === "no good") return;
        throw error;
      }
      throw new Error("A call did not fail");
    });
  },

  /** Many short bodies and a few long ones, all called at once: the logarithms of the durations lie evenly. */
  async uneven(pool, durationMs) {
    const meanMs = (LONGEST_MS - 1) / Math.log(LONGEST_MS);
    // As long as two others: the last body of a short job would decide its time.
    const count = Math.ceil((2 * durationMs * WORKERS) / meanMs);
    const golden = (Math.sqrt(5) - 1) / 2;
    const durations = Array.from({ length: count }, (_, body) => LONGEST_MS ** ((body * golden) % 1));
    const call = busy.with({ pool });
    const { start } = from(durationMs);
    await Promise.all(durations.map((bodyMs) => call(bodyMs)));
    const totalMs = durations.reduce((sum, bodyMs) => sum + bodyMs, 0);
    return { ...since(start, count), idealMs: totalMs / WORKERS };
  },

  /** Bodies of one millisecond, all alike, a hundred at a time. */
  async flat(pool, durationMs) {
    const call = busy.with({ pool });
    const count = Math.ceil(durationMs * WORKERS);
    const { start } = from(durationMs);
    let left = count;
    await inLanes(async () => {
      while (left-- > 0) await call(1);
    });
    return { ...since(start, count), idealMs: count / WORKERS };
  },

  "buffer-64k": (pool, durationMs) => echoMany(pool, Buffer.alloc(64 * 1024, "merino"), durationMs),
  "buffer-1m": (pool, durationMs) => echoMany(pool, Buffer.alloc(1024 * 1024, "merino"), durationMs),
  /** ASCII, as most large texts are. */
  "text-1m": (pool, durationMs) => echoMany(pool, "merino! ".repeat(128 * 1024), durationMs),

  prefetched: (pool, durationMs) => consume(numbers.with({ pool, prefetch: PREFETCH })(), durationMs),
  "lock-step": (pool, durationMs) => consume(numbers.with({ pool })(), durationMs),

  /** Calls out of calls out of calls. */
  async nested(pool, durationMs) {
    const call = fibonacci.with({ pool });
    const { start, end } = from(durationMs);
    let count = 0;
    while (performance.now() < end) {
      const result = await call(FIBONACCI);
      if (result !== FIBONACCI_RESULT) throw new Error(`fibonacci(${FIBONACCI}) gave ${result}`);
      count += FIBONACCI_CALLS;
    }
    return since(start, count);
  },
};

/** The same value there and back, one call at a time. */
async function echoMany(pool, value, durationMs) {
  const call = echo.with({ pool });
  const { start, end } = from(durationMs);
  let count = 0;
  while (performance.now() < end) {
    const { length } = await call(value);
    if (length !== value.length) throw new Error(`${value.length} bytes came back as ${length}`);
    count += 1;
  }
  return since(start, count);
}

async function consume(stream, durationMs) {
  const { start, end } = from(durationMs);
  let count = 0;
  let done;
  for await (const number of stream) {
    if (number !== count++) throw new Error(`Item ${count - 1} of the stream is ${number}`);
    if (performance.now() < end) continue;
    done = since(start, count); // Leaving the stream is not measured.
    break;
  }
  return done;
}

async function inParallel(pool, durationMs, call) {
  const before = await cpuUs(pool);
  const { start, end } = from(durationMs);
  let count = 0;
  await inLanes(async () => {
    while (performance.now() < end) {
      await call();
      count += 1;
    }
  });
  const done = since(start, count);
  const after = await cpuUs(pool);
  return { ...done, callerCpuUs: after.caller - before.caller, workersCpuUs: after.workers - before.workers };
}

async function inLanes(lane) {
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

/** Asks until every worker has answered, the balancer deciding which one gets a call. */
async function cpuUs(pool) {
  const call = cpuTime.with({ pool });
  const byPid = new Map();
  for (let attempt = 0; byPid.size < WORKERS; attempt++) {
    if (attempt === 100) throw new Error(`Only ${byPid.size} of ${WORKERS} workers were reached`);
    for (const { pid, cpuUs } of await Promise.all(Array.from({ length: WORKERS * 2 }, () => call()))) {
      byPid.set(pid, cpuUs);
    }
  }
  const { user, system } = process.cpuUsage();
  return { caller: user + system, workers: [...byPid.values()].reduce((sum, cpuUs) => sum + cpuUs, 0) };
}

function from(durationMs) {
  const start = performance.now();
  return { start, end: start + durationMs };
}

function since(start, count) {
  return { count, elapsedMs: performance.now() - start };
}
