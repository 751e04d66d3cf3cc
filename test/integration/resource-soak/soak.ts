/**
 * Calls that need GPUs, on three hosts of two, whose workers are killed at random: every call settles, no more bodies hold
 * a GPU than there are, none is left held, and no two calls wait for each other.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isMerinoError, LocalDiscovery, WorkerPool } from "merino";
import { GpuHost } from "./gpu-host.ts";
import { clash, hold, holdAll, outer, repeat, values } from "./jobs.ts";

/** Calls under way at a time. */
const CONCURRENCY = 48;
/** If nothing settles for so long, calls wait for each other. */
const STUCK_MS = 60_000;

/** How much is done. */
export interface SoakOptions {
  readonly calls: number;
  readonly seed: number;
  /** Between two kills, about. */
  readonly killEveryMs: number;
}

/** What has come of it. */
export interface SoakReport {
  /** How often each outcome came. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly settled: number;
  readonly kills: number;
  readonly tookMs: number;
  /** What should not have been. */
  readonly findings: readonly string[];
}

/** What a call may end with when its worker is killed, or its own time or reservation is over. */
const EXPECTED: readonly string[] = [
  "ERR_MERINO_WORKER_LOST",
  "ERR_MERINO_RESERVATION_LOST",
  "ERR_MERINO_NO_WORKERS",
];

/** Runs it. */
export async function runSoak({ calls, seed, killEveryMs }: SoakOptions): Promise<SoakReport> {
  const random = randomNumbers(seed);
  const folder = await mkdtemp(path.join(tmpdir(), "merino-soak-"));
  const namespace = `soak-${process.pid}-${seed}`;
  const outcomes: Record<string, number> = {};
  const findings: string[] = [];
  const begunMs = performance.now();
  let settled = 0;
  let kills = 0;
  try {
    await using one = await GpuHost.open(path.join(folder, "1"), `local:${namespace}`);
    await using two = await GpuHost.open(path.join(folder, "2"), `local:${namespace}`);
    await using three = await GpuHost.open(path.join(folder, "3"), `local:${namespace}`);
    const opened = [one, two, three];
    await using pool = await WorkerPool.open({
      discovery: new LocalDiscovery(namespace),
      lease: opened.length,
      quorum: opened.length,
      maxQueue: 40,
      overflow: "wait",
    });
    let over = false;
    const killing = (async () => {
      while (!over) {
        await new Promise((resolve) => setTimeout(resolve, killEveryMs * (0.5 + random())));
        if (over) return;
        kills += 1;
        await opened[Math.floor(random() * opened.length)]?.kill();
      }
    })();
    let next = 0;
    let lastMs = performance.now();
    const caller = async (): Promise<void> => {
      while (next < calls) {
        const id = next++;
        const outcome = await outcomeOf(() => makeCall(pool, id, random()));
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        settled += 1;
        lastMs = performance.now();
      }
    };
    const stuck = new Promise<string>((resolve) => {
      const timer = setInterval(() => {
        if (performance.now() - lastMs > STUCK_MS) resolve(`stuck: ${JSON.stringify(pool.explain())}`);
        if (performance.now() - lastMs > STUCK_MS || over) clearInterval(timer);
      }, 1_000);
    });
    const all = Promise.all(Array.from({ length: CONCURRENCY }, caller)).then(() => "");
    const why = await Promise.race([all, stuck]);
    over = true;
    if (why !== "") findings.push(why);
    await killing;
    findings.push(...(await judgeEnd(pool, opened)));
    for (const outcome of Object.keys(outcomes)) {
      if (outcome.startsWith("wrong") || (outcome.startsWith("ERR") && !EXPECTED.includes(outcome)))
        findings.push(`${outcomes[outcome]} calls ended with ${outcome}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { outcomes, settled, kills, tookMs: performance.now() - begunMs, findings };
}

/** Nothing is held any more: every host has all of its GPUs for a call. */
async function judgeEnd(pool: WorkerPool, hosts: readonly GpuHost[]): Promise<readonly string[]> {
  const findings: string[] = [];
  let answers = 0;
  // A worker that has just come back may not be a member yet.
  const ready = (): number => pool.explain().members.filter(({ state }) => state === "ready").length;
  for (let tries = 0; tries < 300 && ready() < hosts.length; tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  for await (const answer of pool.each(holdAll.with({ timeout: 20_000 }), 1)) {
    if (answer.status === "fulfilled") answers += 1;
    else findings.push(`a host does not have all of its GPUs again: ${String(answer.reason)}`);
  }
  if (answers < hosts.length) findings.push(`${answers} hosts have all of their GPUs again`);
  for (const { uid, resourcesUsed } of pool.explain().members) {
    if (resourcesUsed !== undefined)
      findings.push(`${uid} is believed to hold ${JSON.stringify(resourcesUsed)}`);
  }
  for (const host of hosts) {
    if (host.held > 0) findings.push(`${host.held} GPUs are held`);
    findings.push(...host.violations.map((line) => `a body got ${line} GPUs`));
  }
  return findings;
}

async function makeCall(pool: WorkerPool, id: number, chance: number): Promise<string> {
  const same = (value: unknown, kind: string): string =>
    value === id ? kind : `wrong ${kind}: ${String(value)}`;
  if (chance < 0.7) return same(await hold(id), "hold");
  if (chance < 0.78) return same(await holdAll(id), "all");
  if (chance < 0.86) return same(await outer(id), "nested");
  if (chance < 0.9) {
    const answer = await clash(id);
    return answer === "HELD" ? "held" : `wrong held: ${answer}`;
  }
  if (chance < 0.94) {
    let seen = id;
    for await (const value of values(id)) {
      if (value !== seen++) return `wrong value: ${value}`;
      if (value === id + 2) break;
    }
    return "values";
  }
  if (chance < 0.96) return same(await repeat(id), "repeated");
  if (chance < 0.98) {
    const controller = new AbortController();
    const call = hold.with({ signal: controller.signal })(id);
    setImmediate(() => controller.abort(new Error("enough")));
    return same(await call, "hold");
  }
  const reservation = await pool.reserve({ gpu: 1 }, { for: chance < 0.985 ? 20 : 10_000 });
  try {
    for (let n = 0; n < 3; n++) {
      const value = await reservation.run(() => hold(id));
      if (value !== id) return `wrong reserved: ${value}`;
    }
  } finally {
    if (chance >= 0.985) reservation.release(); // the others end by themselves
  }
  return "reserved";
}

async function outcomeOf(call: () => Promise<string>): Promise<string> {
  try {
    return await call();
  } catch (error) {
    if (isMerinoError(error)) return error.code;
    return error instanceof Error && error.message === "enough"
      ? "cancelled"
      : `wrong error: ${String(error)}`;
  }
}

/** Numbers from 0 to 1 that are the same for a seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
