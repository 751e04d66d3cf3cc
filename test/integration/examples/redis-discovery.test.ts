/**
 * The discovery over Redis among the examples, against Debian's redis-server: the contract of all
 * discoveries, what becomes of it when things break, and its two programs. Needs the built package, which
 * the example imports by name.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Discovery } from "merino";
import { createClient } from "redis";
import { RedisDiscovery } from "../../../examples/redis-discovery/redis-discovery.ts";
import { discoveryContract } from "../../contract/discovery.ts";
import { eventually } from "../../support/eventually.ts";
import { follow } from "../../support/follow.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { startRedis } from "../../support/redis-server.ts";
import { ROOT } from "../../support/repository.ts";
import { runExample } from "../../support/run-example.ts";
import { runNode } from "../../support/run-node.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const EXAMPLE = join(ROOT, "examples/redis-discovery/redis-discovery.ts");
const redis = await startRedis();
after(() => redis.stop());

/** Generous: processes start and the machine may be busy. */
const WITHIN = { withinMs: 30_000 };
const A = workerMetadata({ uid: "a" });
const B = workerMetadata({ uid: "b" });
const SOCKET = workerMetadata({ uid: "s", address: "unix:/tmp/socket", socket: "/tmp/socket" });

discoveryContract("RedisDiscovery", () => {
  const discovery = discoverySettings();
  return () => new RedisDiscovery(discovery);
});

/** A namespace of its own. */
function discoverySettings({ url = redis.url, ttl = 6_000 } = {}) {
  return { url, namespace: `test-${randomUUID()}`, ttl };
}

/** A plain connection to Redis, for what no publisher would do. */
async function connectClient(url: string) {
  const client = await createClient({ url }).connect();
  return { client, [Symbol.asyncDispose]: async () => client.destroy() };
}

/** Codes of the warnings of this discovery that are emitted from now on. */
function collectWarnings(): Disposable & { readonly codes: string[] } {
  const codes: string[] = [];
  const note = (warning: Error & { code?: string }): void => {
    if (warning.code?.startsWith("REDIS_DISCOVERY")) codes.push(warning.code);
  };
  process.on("warning", note);
  return { codes, [Symbol.dispose]: () => process.off("warning", note) };
}

/** A subscription of another discovery object sees what is known now. */
async function knownIn(discovery: Discovery, count: number): Promise<string[]> {
  await using follower = follow(discovery);
  await follower.read(count);
  return follower.events.map(({ worker }) => worker.uid).sort();
}

test("RedisDiscovery lets a worker's record outlive many times its time to live", async () => {
  await using _leaks = leakCheck();
  const settings = discoverySettings({ ttl: 1_500 });
  const publisher = new RedisDiscovery(settings).publisher();
  await using follower = follow(new RedisDiscovery(settings));
  await publisher.publish({ type: "worker-added", worker: A });
  await follower.read(1);
  await using raw = await connectClient(redis.url);
  const { client } = raw;
  const key = `merino:{${settings.namespace}}:worker:a`;

  let refreshed = 0;
  let before = await client.pTTL(key);
  await eventually(async () => {
    const left = await client.pTTL(key);
    assert.ok(left > 0, "the record has lapsed");
    if (left > before) refreshed += 1;
    before = left;
    return refreshed >= 6;
  }, WITHIN);

  assert.deepEqual(follower.log, ["added a"]);
  await publisher.close();
});

test("RedisDiscovery keeps its workers while Redis restarts, and makes them known to it again", async () => {
  await using _leaks = leakCheck();
  using warnings = collectWarnings();
  await using server = await startRedis();
  const settings = discoverySettings({ url: server.url });
  const publisher = new RedisDiscovery(settings).publisher();
  await using follower = follow(new RedisDiscovery(settings));
  await publisher.publish({ type: "worker-added", worker: A });
  await follower.read(1);

  await server.stop();
  await eventually(() => warnings.codes.length >= 2, WITHIN);
  const published = publisher.publish({ type: "worker-added", worker: B });
  await server.start();
  await published;
  await follower.read(2);

  assert.deepEqual(await knownIn(new RedisDiscovery(settings), 2), ["a", "b"]);
  await publisher.publish({ type: "worker-dropped", worker: A });
  await follower.read(3);
  assert.deepEqual(follower.log, ["added a", "added b", "dropped a"]);
  // Once by the publisher, once by the subscription, however many attempts they made.
  assert.deepEqual(warnings.codes, ["REDIS_DISCOVERY_OFFLINE", "REDIS_DISCOVERY_OFFLINE"]);
  await publisher.close();
});

test("RedisDiscovery gives a Redis that has come back empty the time to be filled again", async () => {
  await using _leaks = leakCheck();
  await using server = await startRedis();
  const settings = discoverySettings({ url: server.url, ttl: 3_000 });
  const prefix = `merino:{${settings.namespace}}`;
  // No publisher that would write again: what stands in Redis is what this test puts there.
  const put = async (uid: string) => {
    await using raw = await connectClient(server.url);
    const { client } = raw;
    await client.set(`${prefix}:worker:${uid}`, JSON.stringify({ ...A, uid }));
    await client.sAdd(`${prefix}:workers`, uid);
    await client.publish(`${prefix}:changes`, uid);
  };
  await using follower = follow(new RedisDiscovery(settings));
  await put("a");
  await follower.read(1);

  await server.stop();
  await server.start();
  await put("b");
  await follower.read(2);
  await put("c");
  await follower.read(3);
  await eventually(() => follower.log.length >= 4, WITHIN);

  assert.deepEqual(follower.log, ["added a", "added b", "added c", "dropped a"]);
});

test("RedisDiscovery lets a program end that has not closed it, also while Redis is away", async () => {
  await using server = await startRedis();
  await using _leaks = leakCheck();
  const program = `
    import { RedisDiscovery } from ${JSON.stringify(EXAMPLE)};
    const discovery = new RedisDiscovery(${JSON.stringify(discoverySettings({ url: server.url }))});
    discovery.subscribe()[Symbol.asyncIterator]().next();
    await discovery.publisher().publish({ type: "worker-added", worker: ${JSON.stringify(A)} });
    const waiting = setInterval(() => {}, 1_000);
    const told = new Promise((resolve) => process.once("warning", resolve));
    process.kill(${server.pid}, "SIGKILL");
    await told;
    clearInterval(waiting);
    console.log("done");
  `;

  const ended = await runNode([...TYPESCRIPT_FLAGS, "--input-type=module", "--eval", program], { cwd: ROOT });

  assert.equal(ended.stdout, "done\n", ended.stderr);
  assert.equal(ended.exitCode, 0);
});

test("RedisDiscovery begins when Redis comes up later, and ends when it does not", async () => {
  await using _leaks = leakCheck();
  await using server = await startRedis();
  const settings = discoverySettings({ url: server.url });
  await server.stop();
  const reader = new RedisDiscovery(settings).subscribe()[Symbol.asyncIterator]();
  const first = reader.next();
  const publisher = new RedisDiscovery(settings).publisher();
  const idle = new RedisDiscovery(settings).publisher();

  const refused = idle.publish({ type: "worker-added", worker: B });
  await assert.rejects(refused, /has not answered/);
  await idle.close();
  const unanswered = new RedisDiscovery(settings).subscribe()[Symbol.asyncIterator]();
  const nothing = unanswered.next();
  await unanswered.return?.();
  assert.equal((await nothing).done, true);

  const published = publisher.publish({ type: "worker-added", worker: A });
  await server.start();
  await published;
  assert.deepEqual((await first).value, { type: "worker-added", worker: A });
  await reader.return?.();
  await publisher.close();
});

test("RedisDiscovery replaces a connection that has fallen silent", async () => {
  await using _leaks = leakCheck();
  using warnings = collectWarnings();
  await using relay = await startRelay(Number(new URL(redis.url).port));
  const settings = discoverySettings();
  const publisher = new RedisDiscovery(settings).publisher();
  await using follower = follow(new RedisDiscovery({ ...settings, url: relay.url, ttl: 600 }));
  await publisher.publish({ type: "worker-added", worker: A });
  await follower.read(1);

  relay.freeze();
  await publisher.publish({ type: "worker-added", worker: B });
  await follower.read(2);

  assert.deepEqual(follower.log, ["added a", "added b"]);
  assert.deepEqual(warnings.codes, ["REDIS_DISCOVERY_OFFLINE"]);
  await publisher.close();
});

test("RedisDiscovery skips what is no worker's record and reports it once", async () => {
  await using _leaks = leakCheck();
  using warnings = collectWarnings();
  const settings = discoverySettings();
  const prefix = `merino:{${settings.namespace}}`;
  await using raw = await connectClient(redis.url);
  const { client } = raw;
  const hostile: Record<string, string> = {
    garbage: "\u0000{",
    array: "[]",
    stranger: JSON.stringify(A),
    port: JSON.stringify({ ...A, uid: "port", address: "10.0.0.1:99999" }),
    socket: JSON.stringify({ ...SOCKET, uid: "socket" }),
    tags: JSON.stringify({ ...A, uid: "tags", tags: [{}] }),
    extra: JSON.stringify({ ...A, uid: "extra", extra: { zone: 1 } }),
    giant: JSON.stringify({ ...A, uid: "giant", extra: { text: "x".repeat(70_000) } }),
  };
  for (const [uid, text] of Object.entries(hostile)) {
    await client.set(`${prefix}:worker:${uid}`, text);
    await client.sAdd(`${prefix}:workers`, uid);
  }
  await client.sAdd(`${prefix}:workers`, ["../escape", "", "list", "nothing"]);
  await client.rPush(`${prefix}:worker:list`, "item");
  const publisher = new RedisDiscovery(settings).publisher();
  await publisher.publish({ type: "worker-added", worker: B });

  await using follower = follow(new RedisDiscovery(settings));
  await follower.read(1);
  for (const text of ["garbage", "no uid", "x".repeat(200)]) await client.publish(`${prefix}:changes`, text);
  await publisher.publish({ type: "worker-updated", worker: { ...B, tags: ["gpu"] } });
  await follower.read(2);
  // A skipped record that turns into a sound one is taken, whatever stood there before; by then the whole has been read again.
  await client.set(`${prefix}:worker:port`, JSON.stringify({ ...A, uid: "port" }));
  await follower.read(3);

  assert.deepEqual(follower.log, ["added b", "updated b", "added port"]);
  assert.deepEqual(warnings.codes, new Array(Object.keys(hostile).length).fill("REDIS_DISCOVERY_MALFORMED"));
  await publisher.close();
});

test("RedisDiscovery takes a record without value formats for one that is not ours", async () => {
  await using _leaks = leakCheck();
  const settings = discoverySettings();
  const prefix = `merino:{${settings.namespace}}`;
  await using raw = await connectClient(redis.url);
  const { client } = raw;
  const { codecs: _, ...unspecific } = A;
  await client.set(`${prefix}:worker:a`, JSON.stringify(unspecific));
  await client.sAdd(`${prefix}:workers`, "a");

  await using follower = follow(new RedisDiscovery(settings));
  await follower.read(1);

  assert.deepEqual(follower.events[0]?.worker.codecs, []);
});

test("RedisDiscovery names Unix sockets only where everybody is on one host", async () => {
  await using _leaks = leakCheck();
  const settings = discoverySettings();
  const here = new RedisDiscovery({ ...settings, sameHost: true }).publisher();
  const anywhere = new RedisDiscovery(settings).publisher();

  await assert.rejects(anywhere.publish({ type: "worker-added", worker: SOCKET }), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "event.worker",
  });
  await here.publish({ type: "worker-added", worker: SOCKET });
  await here.publish({ type: "worker-added", worker: { ...A, socket: "/tmp/socket", hostId: "host" } });
  await using local = follow(new RedisDiscovery({ ...settings, sameHost: true }));
  await using remote = follow(new RedisDiscovery(settings));
  await local.read(2);
  await remote.read(1);

  assert.deepEqual([...local.log].sort(), ["added a", "added s"]);
  assert.deepEqual(remote.log, ["added a"]);
  assert.equal(remote.events[0]?.worker.socket, undefined);
  await Promise.all([here.close(), anywhere.close()]);
});

test("RedisDiscovery refuses options that it cannot use, and keeps the password to itself", () => {
  const good = discoverySettings();
  const bad: [string, object][] = [
    ["url", { ...good, url: "http://user:secret@127.0.0.1" }],
    ["url", { ...good, url: 6379 }],
    ["namespace", { ...good, namespace: "a b" }],
    ["ttl", { ...good, ttl: 0 }],
    ["ttl", { ...good, ttl: 1.5 }],
    ["sameHost", { ...good, sameHost: "yes" }],
  ];
  for (const [option, options] of bad) {
    assert.throws(
      () => new RedisDiscovery(options as typeof good),
      (error: Error & { code?: string; option?: string }) =>
        error.code === "ERR_MERINO_INVALID_OPTION" &&
        error.option === option &&
        !error.message.includes("secret"),
      option,
    );
  }
});

test("redis-discovery spreads the calls over its own worker and those found in Redis", {
  timeout: 120_000,
}, async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  // What a killed farm leaves there is for the next pool of its user to sweep.
  await using runtime = await temporaryFolder();
  const namespace = `programs-${randomUUID()}`;
  const env = {
    REDIS_URL: redis.url,
    REDIS_NAMESPACE: namespace,
    REDIS_TTL: "1000",
    XDG_RUNTIME_DIR: runtime.path,
  };
  await using farm = runExample("redis-discovery/farm.ts", { env });
  const [, served = ""] = await farm.shows(/^Serving: pids ([\d, ]+)\./m);
  const found = served.split(", ").map(Number);

  await using program = runExample("redis-discovery/main.ts", { args: ["3"], env });
  assert.equal(await program.ended, 0, program.stderr);

  const members = [...program.stdout.matchAll(/^ {2}pid (\d+) (own|found in Redis): (\d+) calls$/gm)];
  assert.equal(members.filter(([, , kind]) => kind === "own").length, 1);
  assert.deepEqual(
    members.flatMap(([, pid, kind]) => (kind === "own" ? [] : [Number(pid)])).sort(),
    found.sort(),
  );
  assert.ok(
    members.every(([, , , calls]) => Number(calls) > 0),
    program.stdout,
  );
  assert.equal(
    members.reduce((sum, [, , , calls]) => sum + Number(calls), 0),
    200,
  );
  assert.match(program.stdout, new RegExp(`^${primesInAll()} primes in 200 calls$`, "m"));

  // Killed, the farm cannot retract its workers: they lapse.
  const discovery = new RedisDiscovery({ url: redis.url, namespace, ttl: 1_000 });
  await using follower = follow(discovery);
  await follower.read(2);
  assert.ok(follower.events.every(({ worker }) => worker.address.startsWith("127.0.0.1:")));
  assert.ok(farm.process.pid !== undefined);
  process.kill(farm.process.pid, "SIGKILL");
  await eventually(() => follower.log.filter((line) => line.startsWith("dropped")).length === 2, WITHIN);
});

test("redis-discovery retracts the workers of a farm that is interrupted", { timeout: 120_000 }, async () => {
  await using leaks = leakCheck({ withinMs: 10_000 });
  // Lapsing would take longer than the test.
  const settings = { url: redis.url, namespace: `farm-${randomUUID()}`, ttl: 600_000 };
  const env = {
    REDIS_URL: settings.url,
    REDIS_NAMESPACE: settings.namespace,
    REDIS_TTL: String(settings.ttl),
    XDG_RUNTIME_DIR: leaks.runtimeRoot,
  };
  await using farm = runExample("redis-discovery/farm.ts", { env, flags: TYPESCRIPT_FLAGS });
  await farm.shows(/^Serving/m);
  await using follower = follow(new RedisDiscovery(settings));
  await follower.read(2);

  farm.process.kill("SIGINT");

  assert.equal(await farm.ended, 0, farm.stderr);
  await follower.read(4);
  assert.equal(follower.log.filter((line) => line.startsWith("dropped")).length, 2);
});

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), "redis-example-"));
  return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** What the programs compute, by another method. */
function primesInAll(): number {
  const composite = new Uint8Array(22_000);
  const before = new Uint32Array(composite.length + 1);
  for (let n = 2; n < composite.length; n++) {
    before[n + 1] = (before[n] ?? 0) + (composite[n] === 0 ? 1 : 0);
    for (let multiple = n * n; multiple < composite.length; multiple += n) composite[multiple] = 1;
  }
  let sum = 0;
  for (let index = 0; index < 200; index++) sum += before[20_000 + 10 * index] ?? 0;
  return sum;
}

interface Relay extends AsyncDisposable {
  readonly url: string;
  /** Lets nothing through any more on the connections there are. New ones work. */
  freeze(): void;
}

/** A relay in front of a port. */
async function startRelay(port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      // What one end does to the other is the business of those who talk through here.
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  return {
    url: `redis://127.0.0.1:${address.port}`,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
