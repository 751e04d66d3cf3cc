/** What runs on the hosts of the soak, as source text: it is written into a folder that has a package of its own. */

/** The routine: leaves one line per body in a file of its process, which is what is counted in the end. */
export const JOBS = `
import { openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { routine } from "merino";

let log;

export const record = routine(async function record(id, durationMs) {
  log ??= openSync(process.env.SOAK_LOG + "/" + process.pid + ".log", "a");
  writeSync(log, id + "\\n");
  if (durationMs > 0) await pause(durationMs);
  return id * 2;
});
`;

/**
 * The caller: keeps a number of calls under way until it is told to end, and reports what became of them and
 * of the members. One line in, one line out.
 */
export const CALLER = `
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { LanDiscovery, WorkerPool } from "merino";
import { record } from "./jobs.mjs";

const LANES = 32;
// Load that never stops, and leaves the processor to the other tests for most of the time.
const BETWEEN_CALLS_MS = Number(process.env.SOAK_PAUSE);
const LONG_ONE_IN = BETWEEN_CALLS_MS > 50 ? 8 : 50;
const outcomes = {};
let issued = 0;
let wrong = 0;
let ending = false;

const pool = await WorkerPool.open({
  discovery: new LanDiscovery(process.env.SOAK_NAMESPACE),
  quorum: Number(process.env.SOAK_QUORUM),
  quorumTimeout: 60_000,
});

async function lane() {
  while (!ending) {
    const id = issued++;
    let outcome = "value";
    try {
      // Some take a while, so that there is always something under way when a worker dies.
      if ((await record(id, id % LONG_ONE_IN === 0 ? 200 : 0)) !== id * 2) wrong += 1;
    } catch (error) {
      outcome = error.code ?? error.name;
      examples[outcome] ??= error.message;
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    await pause(BETWEEN_CALLS_MS);
  }
}

const examples = {};
const lanes = Promise.all(Array.from({ length: LANES }, lane));

function report(type) {
  const { members, refused } = pool.explain();
  console.log(JSON.stringify({ type, issued, outcomes, examples, wrong, members, refused, counts: pool.stats() }));
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "report") report("report");
  if (line === "end") {
    ending = true;
    await lanes;
    report("ended");
  }
  if (line === "close") break;
}
await pool.close();
process.exit(0);
`;
