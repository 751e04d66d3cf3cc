/** Merino with its default workers: processes. */
import { WorkerPool } from "merino";
import { add, busy } from "../jobs/merino.ts";
import { type Contender, WORKERS } from "./contender.ts";

export async function openMerino(): Promise<Contender> {
  const pool = await WorkerPool.open({ size: WORKERS });
  return { id: "merino", name: "merino (processes)", add, busy, close: () => pool.close() };
}
