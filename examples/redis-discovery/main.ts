/** A pool with one worker of its own and up to four that others have announced in Redis. */
import { WorkerPool } from "merino";
import { countPrimes } from "./jobs.ts";
import { networkWorkers, openDiscovery } from "./settings.ts";

const LIMITS = Array.from({ length: 200 }, (_, index) => 20_000 + 10 * index);

// Workers that have to be there before the first call goes out, the pool's own included.
const quorum = Number(process.argv[2] ?? 1);
await using pool = await WorkerPool.open({
  size: 1,
  worker: networkWorkers(),
  lease: 4,
  discovery: openDiscovery(),
  lazy: false, // Looks for workers from the start, not from the first call on.
  quorum,
});

let primes = 0;
const calls = new Map<number, number>();
for await (const found of pool.map(countPrimes, LIMITS, { concurrency: 12, ordered: false })) {
  primes += found.primes;
  calls.set(found.pid, (calls.get(found.pid) ?? 0) + 1);
}
console.log(`${primes} primes in ${LIMITS.length} calls`);

for (const { pid, own } of pool.explain().members) {
  console.log(`  pid ${pid} ${own ? "own" : "found in Redis"}: ${calls.get(pid) ?? 0} calls`);
}
