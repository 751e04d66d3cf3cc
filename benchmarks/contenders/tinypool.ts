/** Tinypool with each of its kinds of workers. */
import { fileURLToPath } from "node:url";
import { Tinypool } from "tinypool";
import { type Contender, WORKERS } from "./contender.ts";

async function openKind(runtime: "child_process" | "worker_threads"): Promise<Contender> {
  const pool = new Tinypool({
    filename: fileURLToPath(new URL("../functions/pools.mjs", import.meta.url)),
    runtime,
    minThreads: WORKERS,
    maxThreads: WORKERS,
  });
  return {
    id: runtime === "child_process" ? "tinypool" : "tinypool-thread",
    name: runtime === "child_process" ? "tinypool (processes)" : "tinypool (threads)",
    add: (x, y) => pool.run({ x, y }, { name: "add" }),
    ...(runtime === "worker_threads" && { echo: (value: unknown) => pool.run(value, { name: "echo" }) }),
    work: (units) => pool.run({ units }, { name: "work" }),
    close: () => pool.destroy(),
  };
}

export const openTinypool = (): Promise<Contender> => openKind("child_process");
export const openTinypoolThreads = (): Promise<Contender> => openKind("worker_threads");
