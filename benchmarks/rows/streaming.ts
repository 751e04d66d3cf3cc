/** How many values a second a generator gives: each asked for, or sent ahead. Beside it, messages that answer in order. */
import { keepInFlight } from "./in-flight.ts";
import type { Row } from "./row.ts";

const PREFETCH = 100;

export const STREAMING: readonly Row[] = [0, PREFETCH].map((prefetch) => ({
  name: prefetch === 0 ? "stream-lock-step" : "stream-prefetch",
  title:
    prefetch === 0
      ? "A stream whose values are asked for one by one"
      : `A stream with ${PREFETCH} values ahead, or as many messages in flight`,
  figures: [{ key: "perSecond", head: "values/s" }],
  async measure({ items, isStream, add }, { ms, cpuUs }) {
    if (items !== undefined) return readFor(items(Number.MAX_SAFE_INTEGER, prefetch), ms);
    if (isStream !== true || add === undefined) return undefined;
    return keepInFlight(() => add(1, 2), Math.max(1, prefetch), ms, cpuUs).then(({ calls, seconds }) => ({
      perSecond: calls / seconds,
    }));
  },
}));

async function readFor(values: AsyncIterable<unknown>, ms: number): Promise<{ perSecond: number }> {
  const start = performance.now();
  let count = 0;
  for await (const _value of values) {
    count += 1;
    if (performance.now() > start + ms) break;
  }
  return { perSecond: (count / (performance.now() - start)) * 1_000 };
}
