/** What the workers of the chaos run. Each body notes its id as the first thing, in one file for all processes. */
import { openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { currentTask, routine } from "merino";
import { holdThread } from "../../support/hold-thread.ts";

let log: number | undefined;
let running = 0;

/** Notes that a body has started. Lines of several processes do not mix: the file is opened for appending. */
function started(id: string): Disposable {
  log ??= openSync(process.env.CHAOS_LOG ?? "", "a");
  writeSync(log, `${id}\n`);
  running += 1;
  return {
    [Symbol.dispose]() {
      running -= 1;
    },
  };
}

export const add = routine(async function add(id: string, left: number, right: number) {
  using _ = started(id);
  return left + right;
});

/** Takes its time, unless it is cancelled. */
export const slow = routine(async function slow(id: string, ms: number) {
  using _ = started(id);
  await pause(ms, undefined, { signal: currentTask()?.signal });
  return ms;
});

/** Holds the worker's thread. */
export const block = routine(async function block(id: string, ms: number) {
  using _ = started(id);
  holdThread(ms);
  return ms;
});

export const echo = routine(async function echo(id: string, bytes: Uint8Array) {
  using _ = started(id);
  return bytes;
});

export const fail = routine(async function fail(id: string): Promise<never> {
  using _ = started(id);
  throw new RangeError(`failed ${id}`);
});

/** Yields what comes back for the value before, and one more. */
export const count = routine(async function* count(
  id: string,
  values: number,
): AsyncGenerator<number, string, number | undefined> {
  using _ = started(id);
  let sum = 0;
  for (let n = 0; n < values; n++) {
    sum += (yield n + sum) ?? 0;
    if (n % 8 === 7) await pause(5);
  }
  return `counted ${id}`;
});

/** Calls another worker. */
export const nested = routine(async function nested(id: string, left: number, right: number) {
  using _ = started(id);
  return await add(`${id}/1`, left, right);
});

/** Passes on what another worker yields. */
export const relay = routine(async function* relay(id: string, values: number) {
  using _ = started(id);
  yield* count(`${id}/1`, values);
});

/** How many bodies run in this process. */
export const bodies = routine(() => running, { name: "bodies" });
