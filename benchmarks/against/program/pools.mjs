/**
 * The pools that workloads run on, one per carrier, opened on first use. What a commit does not export is only
 * missed by the workloads that need it, hence the import of everything under one name.
 */
import * as merino from "merino";

/** As many as in the other benchmarks. */
export const WORKERS = 2;

const CARRIERS = {
  /** Processes of this program, over sockets. */
  async processes() {
    const pool = await merino.WorkerPool.open({ size: WORKERS, ambient: false });
    return { pool, close: () => pool.close() };
  },
  /** gRPC on loopback: the workers' sockets are left out of their records. */
  async network() {
    const modules = [new URL("./jobs.mjs", import.meta.url)];
    const farm = await merino.WorkerPool.open({
      size: WORKERS,
      ambient: false,
      worker: merino.ProcessWorker.factory({ host: "127.0.0.1", modules }),
    });
    try {
      const records = farm.workers.map(({ socket: _, ...record }) => record);
      const discovery = new merino.StaticDiscovery(records);
      const pool = await merino.WorkerPool.open({ discovery, quorum: WORKERS, ambient: false });
      return { pool, close: () => pool.close().then(() => farm.close()) };
    } catch (error) {
      await farm.close();
      throw error;
    }
  },
};

const opened = new Map();

/** @returns The pool of a carrier, the same one each time; it rejects each time if it cannot be opened. */
export async function openPool(carrier) {
  if (!opened.has(carrier)) opened.set(carrier, CARRIERS[carrier]());
  return (await opened.get(carrier)).pool;
}

export async function closePools() {
  for (const opening of await Promise.allSettled(opened.values())) await opening.value?.close();
}
