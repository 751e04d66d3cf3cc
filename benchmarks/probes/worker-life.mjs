/**
 * What becomes of calls while workers are replaced, and while there are more and fewer of them. Prints one line of JSON.
 *
 * Arguments: `leak`, `calls` or `steps`; `process` or `thread`; how many calls, or how long each step takes in
 * milliseconds.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { WorkerPool } from "merino";
import { add, leak, take } from "./life-jobs.mjs";

const [, , what, worker = "process", amount = "10000"] = process.argv;
const MIB = 2 ** 20;
/** Between two calls of one lane that leaks: without it, the start of a worker would be waited for with gigabytes. */
const PAUSE_MS = 10;

/** Makes so many calls, so many at a time; gives how long each took, and how many failed. */
async function load(calls, atATime, make, pauseMs = 0) {
  const times = [];
  let left = calls;
  let failed = 0;
  const lane = async () => {
    while (left-- > 0) {
      const start = performance.now();
      try {
        await make();
        times.push(performance.now() - start);
      } catch {
        failed += 1;
      }
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  return { times, failed };
}

function quantile(times, part) {
  const sorted =
    times.toSorted === undefined ? [...times].sort((a, b) => a - b) : times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

/** What a process has in memory, in bytes; 0 once it has gone. */
function residentBytes(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096;
  } catch {
    return 0;
  }
}

/** Collects the pool's events, and how many workers were being replaced at the same time at most. */
function watch(pool) {
  const seen = { recycled: 0, mostAtOnce: 0, order: [], resized: [], retired: [], exits: [] };
  const now = new Set();
  const origin = performance.now();
  const at = () => Math.round(performance.now() - origin);
  void (async () => {
    for await (const event of pool.events({ tasks: false })) {
      if (event.type === "worker-recycling") {
        now.add(event.uid);
        seen.order.push(at());
      } else if (event.type === "worker-retired") {
        if (now.delete(event.uid)) seen.recycled += 1;
        seen.retired.push(event.uid);
      } else if (event.type === "worker-exited") {
        now.delete(event.uid);
        if (!event.expected) seen.exits.push(event);
      } else if (event.type === "pool-resized") seen.resized.push({ at: at(), size: event.size });
      seen.mostAtOnce = Math.max(seen.mostAtOnce, now.size);
    }
  })();
  return seen;
}

async function leakProbe() {
  const calls = Number(amount);
  const chunks = 20;
  const options = { size: 2, worker, ambient: false };
  const recycling = await WorkerPool.open({ ...options, recycle: { memory: 256 * MIB } });
  const plain = await WorkerPool.open(options);
  const seen = watch(recycling);
  let peak = 0;
  const base = worker === "thread" ? residentBytes("self") : 0;
  const timer = setInterval(() => {
    const pids = worker === "thread" ? ["self"] : recycling.workers.map(({ pid }) => pid);
    for (const pid of pids) peak = Math.max(peak, residentBytes(pid) - base);
  }, 20);
  const withIt = { times: [], failed: 0 };
  const without = { times: [], failed: 0 };
  const add1 = async (into, pool, count) => {
    const { times, failed } = await load(count, 4, () => leak.with({ pool })(1), PAUSE_MS);
    into.times.push(...times);
    into.failed += failed;
  };
  // In turn, since the machine has other things to do; without recycling no more than memory has room for.
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    await add1(withIt, recycling, calls / chunks);
    if (worker === "process" || chunk % 4 === 0) await add1(without, plain, Math.min(100, calls / chunks));
  }
  clearInterval(timer);
  const { recycled } = recycling.stats();
  await Promise.all([recycling.close(), plain.close()]);
  return {
    calls,
    failed: withIt.failed,
    recycled,
    mostAtOnce: seen.mostAtOnce,
    peakMib: Math.round(peak / MIB),
    p50: quantile(withIt.times, 0.5),
    p99: quantile(withIt.times, 0.99),
    p50Without: quantile(without.times, 0.5),
    p99Without: quantile(without.times, 0.99),
  };
}

async function callsProbe() {
  const pool = await WorkerPool.open({ size: 4, worker, recycle: { calls: 50 } });
  const seen = watch(pool);
  const { failed, times } = await load(Number(amount), 100, async () => {
    await add(1, 2);
    await sleep(1);
  });
  const { recycled } = pool.stats();
  const gaps = seen.order.slice(1).map((at, index) => at - (seen.order[index] ?? 0));
  await pool.close();
  const together = gaps.filter((gap) => gap === 0).length;
  return {
    calls: Number(amount),
    failed,
    recycled,
    mostAtOnce: seen.mostAtOnce,
    together,
    p99: quantile(times, 0.99),
  };
}

async function stepsProbe() {
  const stepMs = Number(amount);
  const target = 250;
  const bodyMs = 10;
  // Of as many as there will be: on few processors they start one after the other, whatever is asked of them.
  const start = performance.now();
  const probe = await WorkerPool.open({ size: 8, worker, ambient: false });
  const startUpMs = performance.now() - start;
  await probe.close();
  const pool = await WorkerPool.open({ size: { min: 0, max: 8, targetWait: target, idle: 2_000 }, worker });
  const seen = watch(pool);
  await take(bodyMs);
  const waits = [];
  let failed = 0;
  const step = async (atATime) => {
    const end = performance.now() + stepMs;
    const lane = async () => {
      while (performance.now() < end) {
        const begun = performance.now();
        await take(bodyMs).catch(() => (failed += 1));
        waits.push({ begun, atATime, ms: performance.now() - begun - bodyMs });
      }
    };
    await Promise.all(Array.from({ length: atATime }, lane));
  };
  await step(1);
  const burst = performance.now();
  await step(100);
  await step(1);
  await pool.drained();
  const until = performance.now() + 20_000;
  while (pool.stats().size > 0 && performance.now() < until) await sleep(50);
  const sizeAtEnd = pool.stats().size;
  const inBurst = waits.filter(({ atATime }) => atATime === 100);
  const settled = inBurst.filter(({ begun }) => begun - burst > 2 * startUpMs).map(({ ms }) => ms);
  const directions = seen.resized.map(({ size }, index) =>
    Math.sign(size - (seen.resized[index - 1]?.size ?? 0)),
  );
  const reversals = directions.filter(
    (direction, index) => index > 0 && direction !== directions[index - 1],
  ).length;
  await pool.close();
  return {
    startUpMs,
    failed,
    lost: seen.exits.length,
    largest: Math.max(...seen.resized.map(({ size }) => size)),
    p95First: quantile(
      inBurst.filter(({ begun }) => begun - burst <= 2 * startUpMs).map(({ ms }) => ms),
      0.95,
    ),
    p95Settled: quantile(settled, 0.95),
    reversals,
    sizeAtEnd,
    sizes: seen.resized.map(({ at, size }) => `${at}:${size}`).join(" "),
  };
}

const probes = { leak: leakProbe, calls: callsProbe, steps: stepsProbe };
console.log(JSON.stringify(await probes[what]()));
