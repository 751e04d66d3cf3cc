/**
 * Workers in two zones and a caller in one of them. Calls stay near as long as a near worker has room, and
 * spill over when none has.
 */
import { StaticDiscovery, type WorkerMetadata, WorkerPool } from "merino";
import { compute, lookUp } from "./jobs.ts";
import { ZoneBalancer } from "./zone-balancer.ts";

interface Found {
  readonly pid: number;
}

/** Both zones are on this host here. Elsewhere workers announce their own zone, as a part of `extra`. */
await using near = await WorkerPool.open({ size: 1, ambient: false });
await using far = await WorkerPool.open({ size: 2, ambient: false });
const workers = [...inZone("eu-1", near.workers), ...inZone("us-1", far.workers)];
const zoneOf = new Map(workers.map(({ pid, extra }) => [pid, extra.zone]));

await using pool = await WorkerPool.open({
  discovery: new StaticDiscovery(workers),
  balancer: new ZoneBalancer("eu-1"),
  lazy: false,
  quorum: workers.length,
});
const keys = Array.from({ length: 60 }, (_, key) => key);

// A worker waits for many things at a time: it keeps having room, and calls stay near.
const lookedUp: Found[] = [];
for await (const found of pool.map(lookUp, keys, { concurrency: 4 })) lookedUp.push(found);
console.log(`lookUp:  ${count(lookedUp)}`);

// It computes one thing at a time: what it has no room for goes to the other zone.
const computed: Found[] = [];
for await (const found of pool.map(compute, keys, { concurrency: 6 })) computed.push(found);
console.log(`compute: ${count(computed)}`);

function inZone(zone: string, records: readonly WorkerMetadata[]): WorkerMetadata[] {
  return records.map((record) => ({ ...record, extra: { ...record.extra, zone } }));
}

function count(results: readonly Found[]): string {
  const calls = (zone: string): number => results.filter(({ pid }) => zoneOf.get(pid) === zone).length;
  return `eu-1 ${calls("eu-1")}, us-1 ${calls("us-1")}`;
}
