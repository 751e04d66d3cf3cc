/** Merino: its workers are processes unless it is told otherwise. */
import { WorkerPool } from "merino";
import { add, busy, echoValue, fib, items, work, workNested } from "../functions/merino.ts";
import { type Contender, WORKERS } from "./contender.ts";

async function openKind(worker: "process" | "thread"): Promise<Contender> {
  const pool = await WorkerPool.open({ size: WORKERS, worker, ambient: false });
  return {
    id: worker === "process" ? "merino" : "merino-thread",
    name: worker === "process" ? "merino (processes)" : "merino (threads)",
    add: add.with({ pool }),
    echo: echoValue.with({ pool }),
    busy: busy.with({ pool }),
    work: work.with({ pool }),
    workNested: workNested.with({ pool }),
    fib: fib.with({ pool }),
    items: (count, prefetch) => items.with({ pool, prefetch })(count),
    startProbe: ["merino-open.mjs", worker],
    heapProbe: ["heap-growth.mjs", worker],
    close: () => pool.close(),
  };
}

export const openMerino = (): Promise<Contender> => openKind("process");
export const openMerinoThreads = (): Promise<Contender> => openKind("thread");
