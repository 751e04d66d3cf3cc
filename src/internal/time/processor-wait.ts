/**
 * For how long this thread has waited for a processor that other threads of the machine had: what took longer for that is
 * nobody's doing who has something done in it. Linux tells it; elsewhere nothing is known of it.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

/** Of the thread that reads it. Three numbers: nanoseconds in which it ran; in which it waited to; how often it began to. */
const READING = "/proc/thread-self/schedstat";
const NS_PER_MS = 1e6;

/** Milliseconds since the thread began; `undefined` where nobody tells. Asking takes some 10 µs. */
export function processorWaitMs(): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return parseWaitMs(readFileSync(READING, "latin1"));
  } catch {
    return undefined; // a kernel without it; no descriptor left
  }
}

/**
 * What the kernel writes, who may count nothing.
 *
 * @internal for tests as well
 */
export function parseWaitMs(text: string): number | undefined {
  const waitNs = Number(text.split(" ")[1]);
  return waitNs > 0 ? waitNs / NS_PER_MS : undefined;
}
