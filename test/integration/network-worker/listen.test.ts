/** Where a network worker may listen, and what its start says where it may not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { ProcessWorker, StaticDiscovery, WorkerPool, WorkerProxy } from "merino";
import { describeWorker } from "../../../src/transport/grpc/unary.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { add } from "./fixtures/network-routines.ts";
import { startNetworkWorker } from "./workers.ts";

test("ProcessWorker.factory refuses to listen beyond this host unless that is called insecure", () => {
  assert.throws(() => ProcessWorker.factory({ host: "0.0.0.0" }), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "insecure",
  });
});

test("a worker on a wildcard address names an address that reaches it", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker({ host: "0.0.0.0", insecure: true });
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  assert.doesNotMatch(started.remote.address, /^0\.0\.0\.0/);
  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
});

test("a worker on an IPv6 address is reached by it", async (context) => {
  if (!hasIPv6()) return context.diagnostic("this host has no IPv6; the address alone is checked elsewhere");
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker({ host: "::1" });
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  assert.match(started.remote.address, /^\[::1\]:\d+$/);
  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
});

test("a worker advertises the host that it is told to, on the port that it got", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker({ advertise: "localhost" });
  const { address } = started.metadata;

  const record = await describeWorker(address, { timeoutMs: 10_000 });

  assert.match(address, /^localhost:\d+$/);
  assert.equal((record as { uid: string }).uid, started.metadata.uid);
});

test("a worker advertises the port that it is told to, and listens on its own", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker({ advertise: "worker.example:443" });
  await using pool = await WorkerPool.open({ discovery: new StaticDiscovery([started.metadata]) });

  assert.equal(started.metadata.address, "worker.example:443");
  assert.equal(await add.with({ pool })(1, 2), 3);
});

const IMPOSSIBLE: readonly (readonly [
  string,
  { readonly host: string; readonly insecure?: boolean },
  RegExp,
])[] = [
  ["an address of another host", { host: "192.0.2.1", insecure: true }, /'host'/],
  ["a name that nobody knows", { host: "nobody.invalid", insecure: true }, /'host'/],
];

for (const [what, options, words] of IMPOSSIBLE) {
  test(`a worker that is to listen on ${what} does not start, and says which option is wrong`, async () => {
    await using _leaks = leakCheck();

    await assert.rejects(startNetworkWorker(options), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_MERINO_WORKER_START");
      assert.match(error.message, words);
      return true;
    });
  });
}

test("a worker whose port is taken does not start, and leaves nothing open", async () => {
  await using _leaks = leakCheck();
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { readonly port: number };

  try {
    await assert.rejects(startNetworkWorker({ port }), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_MERINO_WORKER_START");
      assert.match(error.message, /'port'.*another program listens/s);
      return true;
    });
  } finally {
    taken.close();
  }
});

test("a pool's own network workers are admitted, and replaced when one is killed", async () => {
  await using _leaks = leakCheck();
  const worker = ProcessWorker.factory({ host: "127.0.0.1" });
  await using pool = await WorkerPool.open({ size: 1, worker, ambient: false });
  const [first] = pool.workers;
  const sum = await add.with({ pool })(1, 2);

  process.kill(first?.pid ?? 0, "SIGKILL");
  const again = await eventualSum(pool);

  assert.equal(first?.secure, false);
  assert.equal(sum, 3);
  assert.equal(again, 5);
  assert.notEqual(pool.workers[0]?.pid, first?.pid);
});

/** A call that is under way when its worker is killed is lost; the next one is not. */
async function eventualSum(pool: WorkerPool): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await add.with({ pool })(2, 3);
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some(({ address }) => address === "::1"),
  );
}
