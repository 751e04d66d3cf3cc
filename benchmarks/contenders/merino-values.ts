/** Merino's processes: one of them, so that a small call has to share its connection with a large one. */
import { WorkerPool } from "merino";
import { add, echoValue, sizeOf } from "../functions/merino.ts";
import type { ValueContender } from "./value-contender.ts";

export async function openMerinoValues(): Promise<ValueContender> {
  const pool = await WorkerPool.open({ size: 1 });
  return {
    id: "merino",
    name: "merino (process)",
    echo: (value) => echoValue(value),
    take: sizeOf,
    add,
    close: () => pool.close(),
  };
}
