/** What is lost of the processors where bodies have a length: the wall time of many, also as nested calls. */
import { work } from "../functions/work.mjs";
import type { Row } from "./row.ts";

const LANES = 16;
const CALIBRATION_UNITS = 20_000;
let unitsPerMs: number | undefined;

export const BODIES: readonly Row[] = [0.1, 0.3, 1, 3, 10, 30].map((bodyMs) => ({
  name: `body-${bodyMs}`,
  title: `Bodies of ${bodyMs} ms on two workers, ${LANES} in flight`,
  ...(bodyMs >= 10 && { rounds: [7, 1] as const }),
  figures: [
    { key: "wallMs", head: "ms" },
    { key: "nestedMs", head: "nested, ms" },
    { key: "cpuMs", head: "CPU ms" },
  ],
  async measure({ work, workNested, workDivided }, { ms, cpuUs }) {
    if (work === undefined && workDivided === undefined) return undefined;
    const units = Math.max(1, Math.round(bodyMs * perMs()));
    const count = Math.max(LANES, Math.round((2 * ms) / bodyMs));
    const before = cpuUs();
    const wallMs = await timed(() =>
      workDivided === undefined ? callAll(() => work?.(units), count) : workDivided(units, count),
    );
    const cpuMs = (cpuUs() - before) / 1_000;
    if (workNested === undefined) return { wallMs, cpuMs };
    return { wallMs, cpuMs, nestedMs: await timed(() => workNested(units, count, LANES)) };
  },
}));

async function callAll(call: () => unknown, count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function timed(job: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await job();
  return performance.now() - start;
}

/** How many units of work take a millisecond on this machine: once, and the same for all. */
function perMs(): number {
  if (unitsPerMs !== undefined) return unitsPerMs;
  const start = performance.now();
  work(CALIBRATION_UNITS);
  const before = performance.now();
  work(CALIBRATION_UNITS);
  const [first, second] = [before - start, performance.now() - before];
  unitsPerMs = CALIBRATION_UNITS / Math.min(first, second);
  return unitsPerMs;
}
