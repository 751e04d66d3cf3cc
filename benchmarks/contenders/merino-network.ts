/** Merino over the network protocol, on loopback: the workers' Unix sockets are left out of their records. */
import { ProcessWorker, StaticDiscovery, WorkerPool } from "merino";
import { add, items } from "../functions/merino.ts";
import { type Contender, WORKERS } from "./contender.ts";

export async function openMerinoNetwork(): Promise<Contender> {
  const modules = [new URL("../functions/merino.ts", import.meta.url)];
  const farm = await WorkerPool.open({
    size: WORKERS,
    ambient: false,
    worker: ProcessWorker.factory({ host: "127.0.0.1", modules }),
  });
  const records = farm.workers.map(({ socket: _, ...record }) => record);
  const pool = await WorkerPool.open({
    discovery: new StaticDiscovery(records),
    quorum: WORKERS,
    ambient: false,
  });
  return {
    id: "merino-network",
    name: "merino (gRPC, loopback)",
    add: add.with({ pool }),
    items: (count, prefetch) => items.with({ pool, prefetch })(count),
    async close() {
      await pool.close();
      await farm.close();
    },
  };
}
