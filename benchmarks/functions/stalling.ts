/** A worker that stands still now and then, and a body that waits a few milliseconds. */
import { setTimeout as pause } from "node:timers/promises";
import { routine } from "merino";

const nothing = new Int32Array(new SharedArrayBuffer(4));
let stalling: NodeJS.Timeout | undefined;

/** From now on the worker stands still for so long, after pauses that are random and of this mean. */
export const startStalling = routine(async function startStalling(stallMs: number, betweenMs: number) {
  const later = (): void => {
    stalling = setTimeout(
      () => {
        Atomics.wait(nothing, 0, 0, stallMs);
        later();
      },
      -betweenMs * Math.log(1 - Math.random()),
    );
  };
  clearTimeout(stalling);
  later();
});

export const stopStalling = routine(async function stopStalling() {
  clearTimeout(stalling);
});

export const work = routine(
  async function work(ms: number) {
    await pause(ms);
  },
  { idempotent: true },
);
