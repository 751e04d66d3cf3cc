/** What both programs agree on: where workers are announced and found, and what their own workers are made of. */
import { ProcessWorker, type WorkerFactory } from "merino";
import { RedisDiscovery } from "./redis-discovery.ts";

/** The discovery that `farm.ts` announces its workers in, and in which `main.ts` finds them. */
export function openDiscovery(): RedisDiscovery {
  return new RedisDiscovery({
    url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
    namespace: process.env.REDIS_NAMESPACE ?? "primes",
    ttl: Number(process.env.REDIS_TTL ?? 6_000),
  });
}

/** Workers that others can reach: they listen on the network, and serve the routines of `jobs.ts` there. */
export function networkWorkers(): WorkerFactory {
  const { WORKER_HOST } = process.env;
  return ProcessWorker.factory({
    host: WORKER_HOST ?? "127.0.0.1",
    // Whoever names an address means it: from there on anybody who reaches the port can call the routines.
    insecure: WORKER_HOST !== undefined,
    modules: [new URL("./jobs.ts", import.meta.url)],
  });
}
