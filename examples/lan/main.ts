/** Draws the Mandelbrot set on workers that are found on the local network. Starts none, and knows no address. */
import { LanDiscovery, WorkerPool } from "merino";
import { drawRow, type Picture } from "./jobs.ts";

const [namespace = "my-pool", workers = "1"] = process.argv.slice(2);
const PICTURE: Picture = {
  width: 100,
  height: 32,
  left: -2.2,
  right: 0.9,
  top: 1.2,
  bottom: -1.2,
  depth: 200_000,
};

await using pool = await WorkerPool.open({
  discovery: new LanDiscovery(namespace),
  tags: ["gpu"],
  // At most eight, and not before so many are there; waits for them, but not for ever.
  lease: 8,
  quorum: Number(workers),
  quorumTimeout: 30_000,
});

const rows = Array.from({ length: PICTURE.height }, (_, row) => row);
const drawn = new Map<string, number>();
for await (const { text, worker } of pool.map((row: number) => drawRow(PICTURE, row), rows, {
  concurrency: 8,
})) {
  console.log(text);
  drawn.set(worker, (drawn.get(worker) ?? 0) + 1);
}

for (const { address, tags, version } of pool.workers) {
  console.log(`${address} (${tags.join(", ")}; ${version})`);
}
for (const [worker, count] of drawn) console.log(`${worker}: ${count} rows`);
