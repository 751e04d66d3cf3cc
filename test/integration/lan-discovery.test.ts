/** LanDiscovery between hosts: network namespaces on one switch. */
// runs early: it waits for most of its time, for links that are cut and for workers that are missed
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LanDiscovery } from "../../src/discovery/lan/lan-discovery.ts";
import { serviceType } from "../../src/discovery/lan/service.ts";
import { usePythonModule } from "../support/debian-tool.ts";
import { eventually } from "../support/eventually.ts";
import { follow } from "../support/follow.ts";
import { leakCheck } from "../support/leak-check.ts";
import { collidingNamespaces } from "../support/namespaces.ts";
import { useHosts } from "../support/network-namespaces.ts";
import { startLanPeer } from "../support/start-lan-peer.ts";
import { workerMetadata } from "../support/worker-metadata.ts";

/** Short, so that tests need not wait for a minute. */
const LIFETIME_MS = 4_000;
/** For what takes a lifetime, on a busy machine. */
const LAPSE = { withinMs: 30_000 };

const ZEROCONF = fileURLToPath(new URL("./fixtures/zeroconf_peer.py", import.meta.url));
const ATTACKER = fileURLToPath(new URL("./fixtures/lan-attacker.ts", import.meta.url));

/** A worker that listens on every address of its host. */
function listening(uid: string, tags: readonly string[] = []) {
  return workerMetadata({ uid, tags, address: "0.0.0.0:50051", extra: { zone: "x".repeat(700) } });
}

test("LanDiscovery shows a worker of one host on the others, its changes, and its end", async () => {
  await using network = await useHosts(2);
  await using _leaks = leakCheck();
  await using announcer = await startLanPeer(network.host(0), { namespace: "thumbs" });
  await using beside = await startLanPeer(network.host(0), { namespace: "thumbs" });
  await using other = await startLanPeer(network.host(1), { namespace: "thumbs" });

  await announcer.publish("worker-added", listening("a"));
  await Promise.all([beside.read(1), other.read(1)]);
  await announcer.publish("worker-updated", listening("a", ["gpu"]));
  await Promise.all([beside.read(2), other.read(2)]);
  await using late = await startLanPeer(network.host(1), { namespace: "thumbs" });
  await late.read(1);
  await announcer.close();
  await Promise.all([beside.read(3), other.read(3), late.read(2)]);

  for (const { log, events, warnings } of [beside, other]) {
    assert.deepEqual(log, ["added a", "updated a", "dropped a"]);
    assert.deepEqual(events[1]?.worker, {
      ...listening("a", ["gpu"]),
      address: `${network.host(0).ipv4}:50051`,
    });
    assert.deepEqual(warnings, []);
  }
  assert.deepEqual(late.log, ["added a", "dropped a"]);
});

test("LanDiscovery drops the worker of a killed publisher when its announcement lapses", async () => {
  await using network = await useHosts(2);
  await using _leaks = leakCheck();
  const options = { namespace: "thumbs", recordLifetime: LIFETIME_MS };
  await using victim = await startLanPeer(network.host(0), options);
  await using survivor = await startLanPeer(network.host(0), options);
  await using other = await startLanPeer(network.host(1), options);
  await victim.publish("worker-added", listening("victim"));
  await survivor.publish("worker-added", listening("survivor"));
  await other.read(2);

  await victim.kill();
  await other.read(3, LAPSE);

  assert.equal(other.log[2], "dropped victim");
  // The other one has been repeated all the while.
  assert.equal(other.log.length, 3);
});

for (const silent of [false, true]) {
  const how = silent ? "behind the host's back" : "at the host's interface";
  test(`LanDiscovery loses and finds again the workers of a host whose link is cut ${how}`, async () => {
    await using network = await useHosts(2);
    await using _leaks = leakCheck();
    const options = { namespace: "thumbs", recordLifetime: LIFETIME_MS };
    await using announcer = await startLanPeer(network.host(0), options);
    await using other = await startLanPeer(network.host(1), options);
    await announcer.publish("worker-added", listening("a"));
    await other.read(1);

    await network.host(0).cut({ silent });
    await other.read(2, LAPSE);
    await network.host(0).restore();
    await other.read(3, LAPSE);

    assert.deepEqual(other.log, ["added a", "dropped a", "added a"]);
    assert.equal(other.events[2]?.worker.address, `${network.host(0).ipv4}:50051`);
  });
}

test("LanDiscovery finds workers by a network that comes up after it began to look", async () => {
  await using network = await useHosts(2);
  await using _leaks = leakCheck();
  await network.host(1).cut();
  await using announcer = await startLanPeer(network.host(0), { namespace: "thumbs" });
  await using other = await startLanPeer(network.host(1), { namespace: "thumbs", interfaces: ["eth0"] });
  await announcer.publish("worker-added", listening("a"));
  await announcer.read(1);
  await eventually(() => other.warnings.length > 0, { withinMs: 10_000 });

  await network.host(1).restore();
  await other.read(1, LAPSE);

  assert.deepEqual(other.log, ["added a"]);
  assert.deepEqual(
    other.warnings.map(({ code }) => code),
    ["MERINO_DISCOVERY"],
  );
});

test("LanDiscovery keeps namespaces apart whose names have the same hash", async () => {
  await using network = await useHosts(2);
  await using _leaks = leakCheck();
  const [mine, foreign] = collidingNamespaces();
  await using first = await startLanPeer(network.host(0), { namespace: mine });
  await using second = await startLanPeer(network.host(1), { namespace: foreign });

  await first.publish("worker-added", listening("a"));
  await second.publish("worker-added", listening("b"));
  await first.publish("worker-added", listening("c"));
  await second.publish("worker-added", listening("d"));
  await Promise.all([first.read(2), second.read(2)]);

  assert.deepEqual(first.log, ["added a", "added c"]);
  assert.deepEqual(second.log, ["added b", "added d"]);
  assert.deepEqual([...first.warnings, ...second.warnings], []);
});

test("LanDiscovery works where there is IPv6 only", async () => {
  await using network = await useHosts(2, { ipv4: false });
  await using _leaks = leakCheck();
  await using announcer = await startLanPeer(network.host(0), { namespace: "thumbs" });
  await using other = await startLanPeer(network.host(1), { namespace: "thumbs" });

  await announcer.publish("worker-added", workerMetadata({ uid: "a", address: "[::]:50051" }));
  await other.read(1);
  await announcer.close();
  await other.read(2);

  assert.equal(announcer.bindHost, "::");
  assert.deepEqual(other.log, ["added a", "dropped a"]);
  assert.equal(other.events[0]?.worker.address, `[${network.host(0).ipv6}]:50051`);
});

test("LanDiscovery warns once of a loopback address, unless it was asked for", async () => {
  await using network = await useHosts(2);
  await using _leaks = leakCheck();
  await using careless = await startLanPeer(network.host(0), { namespace: "thumbs" });
  await using asked = await startLanPeer(network.host(0), { namespace: "thumbs", advertise: "127.0.0.1" });
  await using other = await startLanPeer(network.host(1), { namespace: "thumbs" });

  await careless.publish("worker-added", workerMetadata({ uid: "a", address: "127.0.0.1:1" }));
  await careless.publish("worker-added", workerMetadata({ uid: "b", address: "[::1]:2" }));
  await asked.publish("worker-added", workerMetadata({ uid: "c", address: "0.0.0.0:3" }));
  await other.read(3);
  await eventually(() => careless.warnings.length > 0);

  assert.deepEqual(
    careless.warnings.map(({ code }) => code),
    ["MERINO_LOOPBACK_ADVERTISED"],
  );
  assert.deepEqual(asked.warnings, []);
  assert.deepEqual(other.events.map(({ worker }) => worker.address).sort(), [
    "127.0.0.1:1",
    "127.0.0.1:3",
    "[::1]:2",
  ]);
});

test("LanDiscovery goes on in spite of what a hostile host sends, and says so a few times", async () => {
  await using network = await useHosts(3);
  await using _leaks = leakCheck();
  await using announcer = await startLanPeer(network.host(0), { namespace: "thumbs" });
  await using other = await startLanPeer(network.host(1), { namespace: "thumbs" });
  await announcer.publish("worker-added", listening("genuine"));
  await other.read(1);

  const attacker = network.host(2).startNode([ATTACKER, "thumbs", "genuine"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.ok(attacker.stdout);
  const [sent] = await Promise.all([text(attacker.stdout), once(attacker, "close")]);
  assert.equal(attacker.exitCode, 0);
  assert.ok(Number(sent) > 3_000, `${sent} packets`);
  await announcer.publish("worker-updated", listening("genuine", ["still"]));
  await announcer.publish("worker-added", listening("later"));
  await eventually(() => other.log.includes("added later"), { withinMs: 30_000 });
  // Of a host that nobody believes it is told after a moment, since it may be another address of the genuine one.
  const claims = (): boolean =>
    other.warnings.some(({ message }) => /another host has announced/.test(message));
  await eventually(claims, { withinMs: 30_000 });
  await announcer.close();
  await eventually(() => other.log.includes("dropped genuine") && other.log.includes("dropped later"), {
    withinMs: 30_000,
  });

  assert.deepEqual(
    other.log.filter((line) => line.endsWith(" genuine")),
    ["added genuine", "updated genuine", "dropped genuine"],
  );
  assert.equal(
    other.events.find(({ type, worker }) => type === "worker-updated" && worker.uid === "genuine")?.worker
      .address,
    `${network.host(0).ipv4}:50051`,
  );
  // Its own workers are sound records; only so many of them are taken.
  const flood = other.log.filter((line) => line.startsWith("added flood-")).length;
  assert.ok(flood > 0 && flood <= 1_024, `${flood} workers of one host`);
  for (const words of ["not DNS messages", "not workers' records", "another host has announced"]) {
    assert.ok(
      other.warnings.some(({ message }) => message.includes(words)),
      words,
    );
  }
  assert.ok(other.warnings.length <= 20, `${other.warnings.length} warnings`);
  assert.ok(other.warnings.every(({ code }) => code === "MERINO_BAD_ADVERTISEMENT"));
});

test("LanDiscovery refuses to announce a worker that only its own host can reach", async () => {
  await using network = await useHosts(1);
  await using _leaks = leakCheck();
  await using peer = await startLanPeer(network.host(0), { namespace: "thumbs" });

  await assert.rejects(
    peer.publish("worker-added", workerMetadata({ address: "unix:/run/merino/w" })),
    /event\.worker\.address/,
  );

  await peer.publish("worker-added", listening("a"));
  await peer.read(1);
});

test("LanDiscovery and python-zeroconf see each other's workers, changes and goodbyes", async () => {
  const python = await usePythonModule("zeroconf", "python3-zeroconf");
  await using network = await useHosts(2);
  await using _leaks = leakCheck();
  const service = `${serviceType("thumbs")}.`;
  await using ours = await startLanPeer(network.host(0), { namespace: "thumbs" });
  await ours.publish("worker-added", listening("ours"));
  await ours.read(1);

  const theirs = network.host(1).start(python, [ZEROCONF, service, "theirs", network.host(1).ipv4], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  assert.ok(theirs.stdout && theirs.stdin);
  const seen: {
    type: string;
    name: string;
    addresses?: string[];
    port?: number;
    text?: Record<string, string | null>;
  }[] = [];
  createInterface({ input: theirs.stdout }).on("line", (line) => seen.push(JSON.parse(line)));
  const ofOurs = () => seen.filter(({ name }) => name === `ours.${service}`);
  await eventually(() => ofOurs().length > 0, { withinMs: 20_000 });
  await ours.read(2, { withinMs: 20_000 });
  await ours.publish("worker-updated", listening("ours", ["gpu"]));
  await eventually(() => ofOurs().some(({ type }) => type === "updated"), { withinMs: 20_000 });
  await ours.publish("worker-dropped", listening("ours"));
  await eventually(() => ofOurs().some(({ type }) => type === "removed"), { withinMs: 20_000 });
  const ended = once(theirs, "close");
  theirs.stdin.end();
  await eventually(() => ours.log.includes("dropped theirs"), { withinMs: 20_000 });
  await ended;

  const [added, updated] = ofOurs();
  assert.deepEqual(added?.addresses, [network.host(0).ipv4]);
  assert.equal(added?.port, 50_051);
  const { pid, version, tags, secure } = added?.text ?? {};
  assert.deepEqual(
    { pid, version, tags, secure },
    { pid: "4242", version: "0.1.0", tags: null, secure: "false" },
  );
  assert.equal(updated?.text?.tags, '["gpu"]');
  // A worker that names no codec: found, and refused by the pool's rules.
  assert.deepEqual(ours.events.find(({ worker }) => worker.uid === "theirs")?.worker, {
    uid: "theirs",
    address: `${network.host(1).ipv4}:50052`,
    pid: 77,
    version: "0.9.0",
    tags: [],
    extra: { a: "b" },
    secure: false,
    options: {},
    codecs: [],
  });
  assert.deepEqual(ours.warnings, []);
});

test("LanDiscovery waits for a port that another program has taken for itself alone", async () => {
  await using _leaks = leakCheck();
  const options = { interfaces: ["127.0.0.1"], port: 53_531 };
  const selfish = createSocket({ type: "udp4", reuseAddr: false });
  selfish.bind(options.port);
  await once(selfish, "listening");
  const warned = once(process, "warning");
  const publisher = new LanDiscovery("taken-port", options).publisher();
  await using follower = follow(new LanDiscovery("taken-port", options));

  await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid: "a" }) });
  const [warning] = await warned;
  selfish.close();
  await eventually(() => follower.log.length > 0, LAPSE);

  assert.equal(warning.code, "MERINO_DISCOVERY");
  assert.match(warning.message, /EADDRINUSE/);
  assert.deepEqual(follower.log, ["added a"]);
  await publisher.close();
});
