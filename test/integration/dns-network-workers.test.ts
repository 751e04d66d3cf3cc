/** Pools that find network workers through DNS: a real DNS server, real worker processes, real calls. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsDiscovery, ProcessWorker, WorkerPool } from "merino";
import { grpcChannels } from "../../src/transport/grpc/channel-pool.ts";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { DNS_DOMAIN, startDnsServer, useDnsServer } from "../support/start-dns-server.ts";
import { add, home, spin } from "./fixtures/pool-routines.ts";

const NAME = `jobs.${DNS_DOMAIN}`;
const POLL_MS = 200;
const ROUTINES = new URL("./fixtures/pool-routines.ts", import.meta.url);
const SOON = { withinMs: 20_000 };

const program = await useDnsServer();

/** Closes the connections that are kept for a while after the last description. */
function useChannels(): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => grpcChannels.close() };
}

/** Starts one network worker, in a pool of its own that keeps it. */
function startFarm(host: string, port: number): Promise<WorkerPool> {
  const worker = ProcessWorker.factory({ host, port, modules: [ROUTINES] });
  return WorkerPool.open({ size: 1, worker, ambient: false, respawn: false });
}

function portOf(farm: WorkerPool): number {
  return Number(farm.workers[0]?.address.split(":").at(-1));
}

test("a pool calls the workers that DNS lists, and follows when they come, go and are killed", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using _channels = useChannels();
  await using first = await startFarm("127.0.0.2", 0);
  const port = portOf(first);
  await using second = await startFarm("127.0.0.3", port);
  const [firstUid, secondUid] = [first.workers[0]?.uid, second.workers[0]?.uid];
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2"] });
  const discovery = new DnsDiscovery(NAME, port, { pollInterval: POLL_MS, servers: [dns.address] });
  await using pool = await WorkerPool.open({ discovery, ambient: false });

  assert.equal(await add.with({ pool })(1, 2), 3);
  assert.equal(await home.with({ pool })(), firstUid);
  dns.publish({ [NAME]: ["127.0.0.2", "127.0.0.3"] });
  await eventually(() => pool.workers.length === 2, SOON);
  dns.publish({ [NAME]: ["127.0.0.3"] });
  await eventually(() => pool.workers.length === 1, SOON);
  assert.equal(await home.with({ pool })(), secondUid);

  process.kill(second.workers[0]?.pid ?? 0, "SIGKILL");
  await eventually(() => pool.workers.length === 0, SOON);
  dns.publish({ [NAME]: ["127.0.0.2", "127.0.0.3"] });
  assert.equal(await home.with({ pool })(), firstUid);
});

test("DnsDiscovery keeps a worker whose routine blocks its thread for longer than several polls", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using _channels = useChannels();
  await using farm = await startFarm("127.0.0.2", 0);
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2"] });
  const discovery = new DnsDiscovery(NAME, portOf(farm), { pollInterval: POLL_MS, servers: [dns.address] });
  await using pool = await WorkerPool.open({ discovery, ambient: false });
  await add.with({ pool })(1, 2);
  const seen = new AbortController();
  const changes: string[] = [];
  const watching = (async () => {
    for await (const { type } of discovery.subscribe({ signal: seen.signal })) changes.push(type);
  })();

  await spin.with({ pool })(3_000);
  seen.abort();
  await watching;

  assert.deepEqual(changes, ["worker-added"]);
});
