/** How many calls a second there are with so many under way. */
import type { Row } from "./row.ts";

export const IN_FLIGHT: readonly Row[] = [1, 10, 100, 1_000].map((inFlight) => ({
  name: `in-flight-${inFlight}`,
  title: `${inFlight.toLocaleString("en-US")} in flight: add(1, 2)`,
  figures: [
    { key: "perSecond", head: "calls/s" },
    { key: "cpuUs", head: "CPU µs a call", digits: 1 },
  ],
  measure: async ({ add }, { ms, cpuUs }) =>
    add &&
    keepInFlight(() => add(1, 2), inFlight, ms, cpuUs).then(({ calls, seconds, usedUs }) => ({
      perSecond: calls / seconds,
      cpuUs: usedUs / calls,
    })),
}));

export async function keepInFlight(
  call: () => Promise<unknown>,
  inFlight: number,
  ms: number,
  cpuUs: () => number,
): Promise<{ calls: number; seconds: number; usedUs: number }> {
  let calls = 0;
  const before = cpuUs();
  const start = performance.now();
  const lane = async (): Promise<void> => {
    do {
      await call();
      calls += 1;
    } while (performance.now() < start + ms);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { calls, seconds: (performance.now() - start) / 1_000, usedUs: cpuUs() - before };
}
