/** DnsDiscovery against a real DNS server whose records change, and real servers that describe themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsDiscovery } from "../../src/discovery/dns/dns-discovery.ts";
import { createDnsResolver } from "../../src/discovery/dns/lookup.ts";
import { systemClock } from "../../src/internal/time/clock.ts";
import { grpcChannels } from "../../src/transport/grpc/channel-pool.ts";
import { DEFAULT_CHANNEL_OPTIONS } from "../../src/wire/channel-options.ts";
import { forkDescription, serveDescription } from "../support/describing-server.ts";
import { eventually } from "../support/eventually.ts";
import { follow } from "../support/follow.ts";
import { leakCheck } from "../support/leak-check.ts";
import { runNode } from "../support/run-node.ts";
import { DNS_DOMAIN, startDnsServer, useDnsServer } from "../support/start-dns-server.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { useWarnings } from "../support/use-warnings.ts";
import { workerMetadata } from "../support/worker-metadata.ts";

const NAME = `jobs.${DNS_DOMAIN}`;
const POLL_MS = 200;
/** Far more than a poll and two descriptions take. */
const SOON = { withinMs: 20_000 };

const program = await useDnsServer();

/** Closes the connections that are kept for a while after the last description. */
function useChannels(): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => grpcChannels.close() };
}

test("DnsDiscovery follows A and AAAA records that change under way", async () => {
  await using _leaks = leakCheck();
  await using _channels = useChannels();
  await using a = await serveDescription("127.0.0.2", 0, workerMetadata({ uid: "a" }));
  const { port } = a;
  await using _b = await serveDescription("127.0.0.3", port, workerMetadata({ uid: "b" }));
  await using _c = await serveDescription("::1", port, workerMetadata({ uid: "c" }));
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2"] });
  const discovery = new DnsDiscovery(NAME, port, { pollInterval: POLL_MS, servers: [dns.address] });
  await using follower = follow(discovery);
  await follower.read(1);

  dns.publish({ [NAME]: ["127.0.0.2", "127.0.0.3"] });
  await follower.read(2);
  dns.publish({ [NAME]: ["127.0.0.3", "::1"] });
  await follower.read(4);
  dns.publish({});
  await follower.read(6);

  assert.deepEqual(follower.log.slice(0, 2), ["added a", "added b"]);
  assert.deepEqual(follower.log.slice(2, 4).sort(), ["added c", "dropped a"]);
  assert.deepEqual(follower.log.slice(4).sort(), ["dropped b", "dropped c"]);
  assert.deepEqual(
    follower.events[0]?.worker,
    workerMetadata({ uid: "a", address: `127.0.0.2:${port}`, options: DEFAULT_CHANNEL_OPTIONS }),
  );
  const c = follower.events.find(({ worker }) => worker.uid === "c");
  assert.equal(c?.worker.address, `[::1]:${port}`);
});

test("DnsDiscovery keeps its workers while the DNS server is away, and catches up when it is back", async () => {
  await using _leaks = leakCheck();
  await using _channels = useChannels();
  using warnings = useWarnings();
  await using a = await serveDescription("127.0.0.2", 0, workerMetadata({ uid: "a" }));
  await using _b = await serveDescription("127.0.0.3", a.port, workerMetadata({ uid: "b" }));
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2"] });
  const discovery = new DnsDiscovery(NAME, a.port, { pollInterval: POLL_MS, servers: [dns.address] });
  await using follower = follow(discovery);
  await follower.read(1);

  await dns.stop();
  await eventually(() => warnings.codes.includes("MERINO_DISCOVERY"), SOON);
  // A change of the worker itself shows that the watch goes on.
  a.record = workerMetadata({ uid: "a", tags: ["still-here"] });
  await follower.read(2);
  dns.publish({ [NAME]: ["127.0.0.3"] });
  await dns.start();
  await follower.read(4);

  assert.deepEqual(follower.log.slice(0, 2), ["added a", "updated a"]);
  assert.deepEqual(follower.log.slice(2).sort(), ["added b", "dropped a"]);
  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
});

test("DnsDiscovery drops a killed worker that DNS still lists, and finds its successor at the same address", async () => {
  await using _leaks = leakCheck();
  await using _channels = useChannels();
  await using placeholder = await serveDescription("127.0.0.4", 0, workerMetadata());
  const { port } = placeholder;
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2"] });
  await using victim = await forkDescription("127.0.0.2", port, "victim");
  const discovery = new DnsDiscovery(NAME, port, { pollInterval: 1_000, servers: [dns.address] });
  await using follower = follow(discovery);
  await follower.read(1);
  assert.equal(follower.events[0]?.worker.pid, victim.process.pid);

  await victim.kill();
  await eventually(() => follower.log.length === 2, { what: "the worker is dropped" });
  await using _successor = await serveDescription("127.0.0.2", port, workerMetadata({ uid: "successor" }));
  await eventually(() => follower.log.length === 3, SOON);

  assert.deepEqual(follower.log, ["added victim", "dropped victim", "added successor"]);
});

test("DnsDiscovery takes ports from SRV records", async () => {
  await using _leaks = leakCheck();
  await using _channels = useChannels();
  await using a = await serveDescription("127.0.0.2", 0, workerMetadata({ uid: "a" }));
  await using b = await serveDescription("127.0.0.2", 0, workerMetadata({ uid: "b" }));
  const [name, target] = [`_merino._tcp.${NAME}`, `host.${DNS_DOMAIN}`];
  await using dns = await startDnsServer(program, { [target]: ["127.0.0.2"] }, [
    { name, target, port: a.port },
    { name, target, port: b.port },
  ]);
  await using follower = follow(
    new DnsDiscovery(name, undefined, { pollInterval: POLL_MS, servers: [dns.address] }),
  );
  await follower.read(2);

  await dns.stop();
  await dns.start([{ name, target, port: b.port }]);
  await eventually(() => follower.log.length === 3, SOON);

  assert.deepEqual(follower.log.slice(0, 2).sort(), ["added a", "added b"]);
  assert.deepEqual(follower.log.slice(2), ["dropped a"]);
});

test("DnsDiscovery reads answers that do not fit into a datagram", async () => {
  await using _leaks = leakCheck();
  const addresses = Array.from({ length: 600 }, (_, n) => `127.1.${n >> 8}.${n & 255}`);
  await using dns = await startDnsServer(program, { [NAME]: addresses });
  const discovery = new DnsDiscovery(
    NAME,
    7_777,
    { pollInterval: POLL_MS },
    {
      createResolver: () => createDnsResolver([dns.address]),
      describe: async (address) => workerMetadata({ uid: address.replace(/[.:]/g, "-") }),
      clock: systemClock,
    },
  );
  await using follower = follow(discovery);

  await follower.read(600);

  assert.deepEqual(
    follower.events.map(({ worker }) => worker.address).sort(),
    addresses.map((address) => `${address}:7777`).sort(),
  );
});

test("DnsDiscovery skips addresses at which something else listens, names them, and goes on", async () => {
  await using _leaks = leakCheck();
  await using _channels = useChannels();
  using warnings = useWarnings();
  await using a = await serveDescription("127.0.0.2", 0, workerMetadata({ uid: "a" }));
  // Well-formed on the wire, but no worker that could be called.
  await using _liar = await serveDescription("127.0.0.3", a.port, workerMetadata({ uid: "../liar" }));
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2", "127.0.0.3", "127.0.0.4"] });
  const discovery = new DnsDiscovery(NAME, a.port, { pollInterval: POLL_MS, servers: [dns.address] });
  await using follower = follow(discovery);
  await follower.read(1);

  await eventually(() => warnings.codes.length === 2, SOON);

  assert.deepEqual(follower.log, ["added a"]);
  assert.deepEqual([...warnings.codes].sort(), ["MERINO_BAD_ADVERTISEMENT", "MERINO_DISCOVERY"]);
});

test("DnsDiscovery shares one watch among subscriptions to the same name", async () => {
  await using _leaks = leakCheck();
  await using _channels = useChannels();
  await using a = await serveDescription("127.0.0.2", 0, workerMetadata({ uid: "a" }));
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2"] });
  const make = (): DnsDiscovery =>
    new DnsDiscovery(NAME, a.port, { pollInterval: 3_600_000, servers: [dns.address] });
  await using first = follow(make());
  await first.read(1);
  await dns.stop();

  // With nobody to ask, only what the first one knows can answer it.
  await using second = follow(make());
  await second.read(1);
  await first.stop();

  assert.deepEqual(second.log, ["added a"]);
});

test("DnsDiscovery does not keep a process alive that only listens", async () => {
  await using _leaks = leakCheck();
  await using a = await serveDescription("127.0.0.2", 0, workerMetadata({ uid: "a" }));
  await using dns = await startDnsServer(program, { [NAME]: ["127.0.0.2", "127.0.0.3"] });
  const module = new URL("../../src/discovery/dns/dns-discovery.ts", import.meta.url).href;
  const options = JSON.stringify({ pollInterval: 50, servers: [dns.address] });

  // Ended by itself, or killed when its time was over, without an exit code.
  const { exitCode, stdout } = await runNode([
    ...TYPESCRIPT_FLAGS,
    "--input-type=module",
    "--eval",
    `const { DnsDiscovery } = await import(${JSON.stringify(module)});
     const reader = new DnsDiscovery(${JSON.stringify(NAME)}, ${a.port}, ${options}).subscribe()[Symbol.asyncIterator]();
     const hold = setInterval(() => {}, 1_000);
     const { value } = await reader.next();
     console.log(value.worker.uid);
     void reader.next();
     clearInterval(hold);`,
  ]);

  assert.equal(stdout, "a\n");
  assert.equal(exitCode, 0);
});
