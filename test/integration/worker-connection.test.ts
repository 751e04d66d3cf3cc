/** One worker addressed directly: over its sockets, over the network, by its record and by its address alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerMetadata } from "merino";
import {
  ProcessWorker,
  type ProcessWorkerOptions,
  StaticDiscovery,
  WorkerConnection,
  WorkerPool,
} from "merino";
import { grpcChannels } from "../../src/transport/grpc/channel-pool.ts";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { useEnvironment } from "../support/use-environment.ts";
import { add, addThere, countdown, echo, pid, snooze } from "./fixtures/connection-routines.ts";

const MODULES = [new URL("./fixtures/connection-routines.ts", import.meta.url).href];

/** A worker that listens on the network, and its record as somebody on another host has it. */
async function networkWorker(options: ProcessWorkerOptions = {}): Promise<
  AsyncDisposable & {
    readonly pool: WorkerPool;
    readonly worker: WorkerMetadata;
    readonly remote: WorkerMetadata;
  }
> {
  const pool = await WorkerPool.open({
    size: 1,
    ambient: false,
    respawn: false,
    worker: ProcessWorker.factory({ host: "127.0.0.1", modules: MODULES, ...options }),
  });
  const [worker] = pool.workers;
  assert.ok(worker !== undefined);
  const { socket: _socket, ...remote } = worker;
  return {
    pool,
    worker,
    remote,
    async [Symbol.asyncDispose]() {
      await pool.close();
      await grpcChannels.close();
    },
  };
}

/** Calls beside which a worker that listens on no network has nothing to say. */
async function localWorker(): Promise<AsyncDisposable & { readonly worker: WorkerMetadata }> {
  const pool = await WorkerPool.open({ size: 1, ambient: false });
  const [worker] = pool.workers;
  assert.ok(worker !== undefined);
  return { worker, [Symbol.asyncDispose]: () => pool.close() };
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const value of values) collected.push(value);
  return collected;
}

test("WorkerConnection calls routines on the worker: by its record, over the network, by its address alone", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  const { worker, remote } = served;

  // As a container of the same host sees it, which has the host's id and not its files.
  const inContainer = { ...worker, socket: "/nonexistent/socket" };

  for (const target of [worker, remote, worker.address, inContainer]) {
    await using connection = new WorkerConnection(target);

    assert.equal(await connection.dispatch(add, 1, 2), 3);
    assert.equal(await add.with({ pool: connection })(3, 4), 7);
    assert.deepEqual(await collect(connection.dispatch(countdown, 3)), [3, 2, 1]);
  }
});

test("WorkerConnection by an address, and a pool with one in its list, call whoever is there after a restart", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  let served = await networkWorker();
  const { address } = served.worker;
  await using connection = new WorkerConnection(address);
  await using pool = await WorkerPool.open({ discovery: new StaticDiscovery([address]), ambient: false });
  const there = async (): Promise<readonly number[]> =>
    Promise.all([connection.dispatch(pid), pid.with({ pool })()]);
  const before = await there();

  await served.pool.close();
  served = await networkWorker({ port: Number(address.split(":")[1]) });
  await using _served = served;
  const after = await there();

  assert.deepEqual(after, [served.worker.pid, served.worker.pid]);
  assert.notDeepEqual(after, before);
  assert.deepEqual(
    pool.workers.map(({ uid, address: called }) => [uid, called]),
    [[served.worker.uid, address]],
  );
});

test("WorkerConnection by an address calls there, whatever the worker takes its own address to be", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker({ advertise: "192.0.2.7" });
  const address = served.worker.address.replace("192.0.2.7", "127.0.0.1");

  for (const target of [address, `unix:${served.worker.socket}`]) {
    await using connection = new WorkerConnection(target);

    assert.equal(await connection.dispatch(add, 1, 2), 3);
    assert.equal((await connection.describe()).address, served.worker.address);
  }
});

test("WorkerConnection gives calls made within a call a way back to the worker, if it knows its record", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  await using known = new WorkerConnection(served.worker);
  await using addressOnly = new WorkerConnection(served.worker.address);

  assert.deepEqual(await known.dispatch(addThere, 1, 2), { pid: served.worker.pid, sum: 3 });
  await assert.rejects(addressOnly.dispatch(addThere, 1, 2));
});

test("WorkerConnection carries many calls and large values over the network", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  await using connection = new WorkerConnection(served.remote);
  const bytes = new Uint8Array(5_000_000).map((_, at) => at % 251);

  const sums = await Promise.all(Array.from({ length: 2_000 }, (_, at) => connection.dispatch(add, at, 1)));
  const returned = await connection.dispatch(echo, bytes);

  assert.deepEqual(
    sums,
    Array.from({ length: 2_000 }, (_, at) => at + 1),
  );
  assert.deepEqual(returned, bytes);
});

test("WorkerConnection describes the worker, and tells for how long it has been idle", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  const { worker, remote } = served;

  for (const target of [worker, remote, worker.address]) {
    await using connection = new WorkerConnection(target);
    const described = await connection.describe();
    const idleBefore = await connection.idle();
    const call = connection.dispatch(snooze, 300);
    await eventually(async () => (await connection.idle()) === 0);
    await call;
    await eventually(async () => (await connection.idle()) > 0);

    assert.deepEqual(
      [described.uid, described.address, described.pid, described.version],
      [worker.uid, worker.address, worker.pid, worker.version],
    );
    assert.ok(idleBefore >= 0);
  }
});

test("WorkerConnection stop ends a worker on this host, and lets calls in flight end first", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  await using connection = new WorkerConnection(served.worker);
  const call = connection.dispatch(snooze, 300);
  await eventually(async () => (await connection.idle()) === 0);

  await connection.stop({ grace: 10_000 });

  assert.equal(await call, served.worker.pid);
  await eventually(() => served.pool.workers.length === 0, { withinMs: 10_000 });
});

test("WorkerConnection stop ends a worker on this host by its address, and by records that name no socket of it", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using bystander = await networkWorker();

  for (const name of [
    ({ address }) => address,
    ({ socket: _, ...record }) => record,
    // As the local network and DNS have it.
    ({ socket: _, hostId: __, ...record }) => record,
    // A record is anybody's word: the path in it is another worker's.
    (record) => ({ ...record, socket: bystander.worker.socket ?? "" }),
  ] satisfies ((worker: WorkerMetadata) => WorkerMetadata | string)[]) {
    await using served = await networkWorker();
    await using connection = new WorkerConnection(name(served.worker));

    await connection.stop({ grace: 0 });

    await eventually(() => served.pool.workers.length === 0, { withinMs: 10_000 });
  }
  await using connection = new WorkerConnection(bystander.worker);
  assert.equal(await connection.dispatch(pid), bystander.worker.pid);
});

test("WorkerConnection stop is refused over the network, with what to do instead", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  await using connection = new WorkerConnection({ ...served.remote, hostId: "another" });

  await assert.rejects(connection.stop({ grace: 0 }), { code: "ERR_MERINO_HANDSHAKE" });
  assert.equal(await connection.dispatch(add, 1, 1), 2);
});

test("WorkerConnection stop says where it has looked for a worker of this host that it cannot find", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  using elsewhere = useEnvironment();
  // As in a shell with other variables: the directory is another one.
  elsewhere.set("XDG_RUNTIME_DIR", elsewhere.root);
  await using connection = new WorkerConnection(served.remote);

  await assert.rejects(connection.stop({ grace: 0 }), (error: Error & { readonly code?: string }) => {
    assert.equal(error.code, "ERR_MERINO_HANDSHAKE");
    assert.match(
      error.message,
      new RegExp(`none of the sockets in '${elsewhere.root}/.*${served.worker.pid}`),
    );
    return true;
  });
  assert.equal(await connection.dispatch(add, 1, 1), 2);
});

test("WorkerConnection calls and describes a worker that listens on no network, and says what else it cannot", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await localWorker();
  await using connection = new WorkerConnection(served.worker);

  assert.equal(await connection.dispatch(add, 1, 2), 3);
  assert.equal((await connection.describe()).uid, served.worker.uid);
  await assert.rejects(connection.idle(), { code: "ERR_MERINO_HANDSHAKE" });
  await assert.rejects(connection.stop(), { code: "ERR_MERINO_HANDSHAKE" });
});

test("WorkerConnection refuses a worker that is another one than the record says", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  await using connection = new WorkerConnection({ ...served.remote, uid: "somebody-else" }, { timeout: 500 });

  await assert.rejects(connection.describe(), { code: "ERR_MERINO_HANDSHAKE" });
  await assert.rejects(connection.dispatch(add, 1, 2), { code: "ERR_MERINO_NO_WORKERS" });
});

test("WorkerConnection says how to call a worker that has a socket only, and is known by its address", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await localWorker();
  await using connection = new WorkerConnection(served.worker.address, { timeout: 200 });
  await using other = new WorkerConnection("unix:/nonexistent/socket", { timeout: 200 });

  await assert.rejects(connection.dispatch(add, 1, 2), {
    code: "ERR_MERINO_NO_WORKERS",
    message: /give WorkerConnection its record in place of the address/,
  });
  await assert.rejects(connection.describe(), { code: "ERR_MERINO_HANDSHAKE", message: /its record/ });
  await assert.rejects(other.describe(), { code: "ERR_MERINO_HANDSHAKE", message: /no such socket/ });
});

test("WorkerConnection rejects calls to nobody within its timeout", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });

  for (const target of ["127.0.0.1:1", "unix:/nonexistent/socket"]) {
    await using connection = new WorkerConnection(target, { timeout: 200 });

    await assert.rejects(connection.dispatch(add, 1, 2), { code: "ERR_MERINO_NO_WORKERS" });
    await assert.rejects(connection.describe(), { code: "ERR_MERINO_HANDSHAKE" });
  }
});

test("WorkerConnection shows the lines that wait in the error of a request that fails", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using connection = new WorkerConnection("127.0.0.1:1", { timeout: 200 });

  for (const ask of ["describe", "idle", "stop"] as const) {
    let stack: string | undefined;
    // Not by a helper, for which the promise would have callbacks instead.
    try {
      await (async function inProgram() {
        await connection[ask]();
      })();
    } catch (error) {
      ({ stack } = error as Error);
    }

    assert.match(
      stack ?? "",
      /^HandshakeError: [^\n]+\n {4}at async inProgram .*worker-connection\.test\.ts/,
      ask,
    );
  }
});

test("WorkerConnection close ends what is under way and refuses what follows", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  const connection = new WorkerConnection(served.remote);
  const call = connection.dispatch(snooze, 60_000);
  call.catch(() => {});
  await eventually(async () => (await connection.idle()) === 0);

  await connection.close();
  await connection.close();

  const refusal = { code: "ERR_MERINO_POOL_CLOSED" };
  await assert.rejects(call, refusal);
  await assert.rejects(connection.dispatch(add, 1, 2), refusal);
  for (const request of [() => connection.describe(), () => connection.idle(), () => connection.stop()]) {
    await assert.rejects(request(), refusal);
  }
});

test("WorkerConnection calls reject with WorkerLostError when the worker dies, whatever gRPC calls it", async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  await using served = await networkWorker();
  await using connection = new WorkerConnection(served.remote);
  const call = connection.dispatch(snooze, 60_000);
  call.catch(() => {});
  await eventually(async () => (await connection.idle()) === 0);

  process.kill(served.worker.pid, "SIGKILL");

  await assert.rejects(call, { code: "ERR_MERINO_WORKER_LOST" });
});
