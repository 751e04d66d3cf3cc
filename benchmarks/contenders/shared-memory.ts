/** The floor between threads: two bare rings in shared memory, one thread, which blocks where there is nothing to do. */
import { Worker } from "node:worker_threads";
import { Ring } from "../functions/ring.mjs";
import type { Contender } from "./contender.ts";

export async function openSharedMemory(): Promise<Contender> {
  const workerData = [new SharedArrayBuffer(Ring.bytes), new SharedArrayBuffer(Ring.bytes)] as const;
  const [there, back] = [new Ring(workerData[0]), new Ring(workerData[1])];
  const thread = new Worker(new URL("../functions/ring-thread.mjs", import.meta.url), {
    workerData,
    execArgv: [],
  });
  const waiting: ((sum: number) => void)[] = [];
  let closed = false;
  const read = async (): Promise<void> => {
    while (!closed) {
      await back.waitAsync();
      back.take((sum) => waiting.shift()?.(sum));
    }
  };
  void read();
  let announced = false;
  const announce = (): void => {
    announced = false;
    there.announce();
  };
  return {
    id: "shared-memory",
    name: "bare shared memory",
    isStream: true,
    async add(x, y) {
      while (!there.push(x, y)) await new Promise((resolve) => setImmediate(resolve));
      if (!announced) {
        announced = true;
        process.nextTick(announce);
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    async close() {
      closed = true;
      await thread.terminate();
      back.announce(); // The loop above ends.
    },
  };
}
