/** Tinypool with child processes: the nearest thing to Merino's workers among the pools people use. */
import { fileURLToPath } from "node:url";
import { Tinypool } from "tinypool";
import { type Contender, WORKERS } from "./contender.ts";

export async function openTinypool(): Promise<Contender> {
  const pool = new Tinypool({
    filename: fileURLToPath(new URL("../jobs/tinypool.mjs", import.meta.url)),
    runtime: "child_process",
    minThreads: WORKERS,
    maxThreads: WORKERS,
  });
  return {
    id: "tinypool",
    name: "tinypool (processes)",
    add: (x, y) => pool.run({ x, y }, { name: "add" }),
    close: () => pool.destroy(),
  };
}
