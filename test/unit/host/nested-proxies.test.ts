import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeProxyDescriptor, type ProxyDescriptor } from "../../../src/client/proxy-descriptor.ts";
import type { CallRequest, Dispatcher } from "../../../src/context/dispatcher.ts";
import type { DiscoveryDescriptor } from "../../../src/discovery/discovery.ts";
import { DnsDiscovery } from "../../../src/discovery/dns/dns-discovery.ts";
import type { DnsDiscoveryOptions } from "../../../src/discovery/dns/dns-discovery-options.ts";
import { NestedProxies } from "../../../src/host/nested-proxies.ts";
import type { RoutineDefinition } from "../../../src/identity/routine-definition.ts";
import { DeadlineQueue } from "../../../src/internal/time/deadline-queue.ts";
import { useFakeClock } from "../../support/use-fake-clock.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const LOCAL = { local: true };
const NETWORK = { local: false };

/** A pool of nobody: nothing listens there, and calls wait. */
const NOBODY: DiscoveryDescriptor = { kind: "static", parameters: { workers: [] } };

const definition: RoutineDefinition = {
  id: "app/jobs.js#job",
  name: "job",
  module: undefined,
  kind: "function",
  body: () => {},
  declaredIn: undefined,
  timeoutMs: undefined,
  routine: () => {},
};

function descriptorOf(fields: Partial<ProxyDescriptor> = {}): Uint8Array {
  return encodeProxyDescriptor({ id: "pool-1", discovery: NOBODY, killGraceMs: 5_000, ...fields });
}

function proxiesAllowing(...discoveries: readonly DiscoveryDescriptor[]): NestedProxies & AsyncDisposable {
  const proxies = new NestedProxies(
    { unresponsive: () => assert.fail("nobody was unresponsive") },
    { discoveries },
  );
  return Object.assign(proxies, { [Symbol.asyncDispose]: () => proxies.close() });
}

/** Makes a call that waits, and returns what ends it. */
function call(dispatcher: Dispatcher | undefined, options: CallRequest["options"] = {}): Promise<unknown> {
  assert.ok(dispatcher !== undefined);
  return dispatcher
    .call({ definition, receiver: undefined, parameters: [], options, parent: undefined })
    .catch((error: unknown) => error);
}

function codeOf(error: unknown): string | undefined {
  return (error as { readonly code?: string }).code;
}

test("NestedProxies has no dispatcher for a task that brings no descriptor", async () => {
  await using proxies = proxiesAllowing();

  assert.equal(proxies.dispatcher(undefined, LOCAL), undefined);
});

test("NestedProxies restores one proxy per pool of this host, whatever connection brings its descriptor", async () => {
  await using proxies = proxiesAllowing();

  const first = call(proxies.dispatcher(descriptorOf(), LOCAL));
  const second = call(proxies.dispatcher(descriptorOf(), LOCAL));
  const other = call(proxies.dispatcher(descriptorOf({ id: "pool-2" }), LOCAL));

  assert.equal(proxies.size, 2);
  await proxies.close();
  const codes = (await Promise.all([first, second, other])).map(codeOf);
  assert.deepEqual([...new Set(codes)], ["ERR_MERINO_POOL_CLOSED"]);
});

const HOSTILE: readonly (readonly [string, Uint8Array])[] = [
  ["bytes that are no JSON", Buffer.from("{")],
  ["no object", Buffer.from("[]")],
  ["more than 64 KiB", descriptorOf({ tags: [`${"x".repeat(70_000)}`] })],
  ["a kind that is not registered", descriptorOf({ discovery: { kind: "http", parameters: {} } })],
  [
    "a kind that names a property of objects",
    descriptorOf({ discovery: { kind: "constructor", parameters: {} } }),
  ],
  ["a namespace that climbs out of its directory", descriptorOf({ discovery: local("../../etc") })],
  ["a namespace of this host that is not the worker's", descriptorOf({ discovery: local("other") })],
  [
    "a static list with the socket of another worker",
    descriptorOf({
      discovery: {
        kind: "static",
        parameters: { workers: [workerMetadata({ address: "unix:/run/w.sock" })] },
      },
    }),
  ],
  [
    "a static list with an address of the caller's choice",
    descriptorOf({ discovery: { kind: "static", parameters: { workers: [workerMetadata()] } } }),
  ],
  ["no discovery", encodeProxyDescriptor({ id: "pool-1", killGraceMs: 1 })],
  [
    "nested too deeply for its text to be compared",
    Buffer.from(
      JSON.stringify({ id: "pool-1", discovery: local("mine"), killGraceMs: 1 }).replace(
        /}$/,
        `,"depth":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
      ),
    ),
  ],
];

for (const [what, bytes] of HOSTILE) {
  test(`NestedProxies refuses nested calls of the network whose descriptor is ${what}`, async () => {
    await using proxies = proxiesAllowing(local("mine"));

    const error = await call(proxies.dispatcher(bytes, NETWORK));

    assert.equal(codeOf(error), "ERR_MERINO_NO_ACTIVE_POOL");
    assert.equal(proxies.size, 0);
  });
}

test("NestedProxies takes a discovery of the allow-list from the network, whatever the order of its fields", async () => {
  const allowed = { kind: "dns", parameters: { name: "workers.internal", port: 50_051 } };
  await using proxies = proxiesAllowing(allowed);
  const sent = { parameters: { port: 50_051, name: "workers.internal" }, kind: "dns" };

  const waiting = call(proxies.dispatcher(descriptorOf({ discovery: sent }), NETWORK));

  assert.equal(proxies.size, 1);
  await proxies.close();
  assert.equal(codeOf(await waiting), "ERR_MERINO_POOL_CLOSED");
});

test("NestedProxies takes a discovery of the network by its source, and looks at it as the worker was told to", async () => {
  const told = dnsDiscovery({ pollInterval: 5_000 });
  await using proxies = proxiesAllowing(told);
  const sent = [5_000, 60, 70].map((pollInterval) =>
    dnsDiscovery({ pollInterval, describeTimeout: 20, family: 4 }),
  );

  const waiting = sent.map((discovery) => call(proxies.dispatcher(descriptorOf({ discovery }), NETWORK)));

  // One proxy, and so one watch: how often it asks is not the callers' to say.
  assert.equal(proxies.size, 1);
  await proxies.close();
  assert.deepEqual((await Promise.all(waiting)).map(codeOf), new Array(3).fill("ERR_MERINO_POOL_CLOSED"));
});

test("NestedProxies refuses a discovery that asks other servers, and says how to start a worker for it", async () => {
  await using proxies = proxiesAllowing(dnsDiscovery());
  const discovery = dnsDiscovery({ servers: ["10.0.0.10:53"] });

  const error = await call(proxies.dispatcher(descriptorOf({ discovery }), NETWORK));

  assert.equal(codeOf(error), "ERR_MERINO_NO_ACTIVE_POOL");
  assert.match(String(error), /'dns:jobs\.example:7777\?server=10\.0\.0\.10'.*--discovery/);
});

test("NestedProxies refuses a balancer from the network that is not registered", async () => {
  await using proxies = proxiesAllowing(NOBODY);

  const error = await call(proxies.dispatcher(descriptorOf({ balancer: { kind: "toString" } }), NETWORK));

  assert.equal(codeOf(error), "ERR_MERINO_NO_ACTIVE_POOL");
  assert.equal(proxies.size, 0);
});

test("NestedProxies never gives a caller of the network the proxy of a pool of this host", async () => {
  await using proxies = proxiesAllowing(NOBODY);
  const mine = call(proxies.dispatcher(descriptorOf({ discovery: local("mine") }), LOCAL));
  const forged = descriptorOf({ id: "pool-1" });

  const theirs = call(proxies.dispatcher(forged, NETWORK));

  assert.equal(proxies.size, 2, "the stranger's calls go where those of pool-1 do");
  await proxies.close();
  await Promise.all([mine, theirs]);
});

test("NestedProxies bounds the pools of the network, and leaves room for those of this host", async () => {
  await using proxies = proxiesAllowing(NOBODY);
  const calls = Array.from({ length: 40 }, (_, n) =>
    call(proxies.dispatcher(descriptorOf({ id: `stranger-${n}` }), NETWORK)),
  );

  const mine = call(proxies.dispatcher(descriptorOf({ id: "mine" }), LOCAL));
  const size = proxies.size;
  await proxies.close();
  const codes = (await Promise.all(calls)).map(codeOf);

  assert.equal(size, 33);
  assert.equal(codes.filter((code) => code === "ERR_MERINO_NO_ACTIVE_POOL").length, 8);
  assert.equal(codeOf(await mine), "ERR_MERINO_POOL_CLOSED");
});

test("NestedProxies makes room by closing a pool without calls", async () => {
  await using proxies = proxiesAllowing(NOBODY);
  for (let n = 0; n < 50; n++) {
    const signal = AbortSignal.abort(new Error("not needed"));
    await call(proxies.dispatcher(descriptorOf({ id: `stranger-${n}` }), NETWORK), { signal });
  }

  assert.equal(proxies.size, 32);
});

test("NestedProxies closes a proxy that nobody has used for a minute, and restores it for the task that still has it", async () => {
  using clock = useFakeClock();
  const deadlines = new DeadlineQueue(clock);
  const proxies = new NestedProxies({}, { discoveries: [], deadlines });
  const dispatcher = proxies.dispatcher(descriptorOf(), LOCAL);
  const waiting = new AbortController();

  const busy = call(dispatcher, { signal: waiting.signal });
  await clock.advance(300_000);
  const sizeWhileBusy = proxies.size;
  waiting.abort(new Error("enough"));
  await busy;
  await clock.advance(59_000);
  const sizeBefore = proxies.size;
  await clock.advance(62_000);
  const sizeAfter = proxies.size;
  const again = call(dispatcher);

  assert.deepEqual([sizeWhileBusy, sizeBefore, sizeAfter, proxies.size], [1, 1, 0, 1]);
  await proxies.close();
  assert.equal(codeOf(await again), "ERR_MERINO_POOL_CLOSED");
  assert.equal(deadlines.size, 0);
});

test("NestedProxies keeps a proxy that nobody uses for as long as its pool is there", async () => {
  using clock = useFakeClock();
  const deadlines = new DeadlineQueue(clock);
  const proxies = new NestedProxies({}, { discoveries: [], ownPool: "own", deadlines });
  const connections = [{ ended: false }, { ended: false }];
  const signal = AbortSignal.abort(new Error("not needed"));
  const restore = async (id: string, origin: Parameters<NestedProxies["dispatcher"]>[1]): Promise<void> => {
    await call(proxies.dispatcher(descriptorOf({ id }), origin), { signal });
  };

  await restore("own", LOCAL);
  for (const poolConnection of connections) await restore("found", { local: true, poolConnection });
  await restore("nested", LOCAL);
  assert.equal(proxies.size, 3);
  await clock.advance(600_000);
  assert.equal(proxies.size, 2);
  for (const connection of connections) {
    await clock.advance(600_000);
    assert.equal(proxies.size, 2);
    connection.ended = true;
  }
  await clock.advance(121_000);

  assert.equal(proxies.size, 1);
  await proxies.close();
  assert.equal(deadlines.size, 0);
});

test("NestedProxies believes no caller of the network that it is the worker's own pool", async () => {
  using clock = useFakeClock();
  const deadlines = new DeadlineQueue(clock);
  const proxies = new NestedProxies({}, { discoveries: [NOBODY], ownPool: "own", deadlines });
  const signal = AbortSignal.abort(new Error("not needed"));
  await call(proxies.dispatcher(descriptorOf({ id: "own" }), NETWORK), { signal });
  assert.equal(proxies.size, 1);

  await clock.advance(121_000);

  assert.equal(proxies.size, 0);
  await proxies.close();
});

/** Nobody knows the name. */
function dnsDiscovery(options?: DnsDiscoveryOptions): DiscoveryDescriptor {
  return new DnsDiscovery("jobs.example", 7_777, options).descriptor;
}

function local(namespace: string): DiscoveryDescriptor {
  return { kind: "local", parameters: { namespace } };
}
