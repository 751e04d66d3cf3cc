/** workerpool with each of its kinds of workers. */
import { fileURLToPath } from "node:url";
import { type Contender, WORKERS } from "./contender.ts";
import { installed } from "./installed.ts";

/** What is used of it. */
interface Workerpool {
  pool(
    script: string,
    options: object,
  ): { exec(name: string, parameters: readonly unknown[]): Promise<unknown>; terminate(): Promise<unknown> };
}

async function openKind(workerType: "process" | "thread"): Promise<Contender | undefined> {
  const workerpool = installed<Workerpool>("workerpool");
  if (workerpool === undefined) return undefined;
  const script = fileURLToPath(new URL("../functions/workerpool.mjs", import.meta.url));
  const pool = workerpool.pool(script, { workerType, minWorkers: WORKERS, maxWorkers: WORKERS });
  return {
    id: workerType === "process" ? "workerpool" : "workerpool-thread",
    name: workerType === "process" ? "workerpool (processes)" : "workerpool (threads)",
    add: (x, y) => pool.exec("add", [x, y]),
    ...(workerType === "thread" && { echo: (value: unknown) => pool.exec("echo", [value]) }),
    work: (units) => pool.exec("work", [units]),
    async close() {
      await pool.terminate();
    },
  };
}

export const openWorkerpool = (): Promise<Contender | undefined> => openKind("process");
export const openWorkerpoolThreads = (): Promise<Contender | undefined> => openKind("thread");
