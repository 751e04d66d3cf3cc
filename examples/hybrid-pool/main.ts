/**
 * A pool with workers of its own that admits some of a farm's as well. It works with no farm, too, and keeps
 * working when one comes or goes.
 */
import { LocalDiscovery, WorkerPool } from "merino";
import { stretch } from "./jobs.ts";

const [size = "1", lease = "1", namespace = "hybrid-pool"] = process.argv.slice(2);
const CALLS = 120;

await using pool = await WorkerPool.open({
  size: Number(size),
  lease: Number(lease),
  discovery: new LocalDiscovery(namespace),
  lazy: false, // Looks for the farm from the start, not from the first call on.
});

const calls = new Map<number, number>();
const seeds = Array.from({ length: CALLS }, (_, seed) => seed);
for await (const { pid } of pool.map((seed: number) => stretch(seed, 5_000), seeds, { concurrency: 16 })) {
  calls.set(pid, (calls.get(pid) ?? 0) + 1);
}

const { members, refused, lease: capacity } = pool.explain();
console.log(`${CALLS} calls, at most ${capacity} workers`);
for (const { pid, own } of members) {
  console.log(`  pid ${pid} ${own ? "own" : "of the farm"}: ${calls.get(pid) ?? 0} calls`);
}
for (const { uid, reason, detail } of refused) {
  console.log(`  worker ${uid.slice(0, 8)} not admitted (${reason}): ${detail}`);
}
