/** Calls that some worker refuses, or that no worker takes: they end, and hold up nobody else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Discovery } from "merino";
import {
  NoWorkersAvailableError,
  ProcessWorker,
  routine,
  StaticDiscovery,
  WorkerPool,
  WorkerProxy,
} from "merino";
import { eventually } from "../support/eventually.ts";
import { holdThread } from "../support/hold-thread.ts";
import { leakCheck } from "../support/leak-check.ts";
import { workerMetadata } from "../support/worker-metadata.ts";
import { add, snooze } from "./fixtures/pool-routines.ts";
import { isAlive, rejection, useWarnings } from "./fixtures/pool-support.ts";
import { countTo } from "./fixtures/streaming-routines.ts";

/** No worker finds it: there is no such module. */
const absent = routine(async function absent() {}, {
  id: "nowhere/src/none.ts#absent",
  module: new URL("./fixtures/none.ts", import.meta.url),
});

/** A record of a worker that is not there. */
function deadWorker(): ReturnType<typeof workerMetadata> {
  return workerMetadata({ uid: "dead", address: "unix:/nonexistent/merino.sock", secure: true });
}

/** Calls until a worker answers: on a busy machine connecting may take longer than calls of this proxy wait. */
async function connected(pool: WorkerProxy): Promise<void> {
  await eventually(async () => (await add.with({ pool })(1, 2)) === 3);
}

describe("a call refused by one worker while another cannot be reached", () => {
  test("holds up no other call, and fails within the quorumTimeout", async () => {
    await using _ = leakCheck({ withinMs: 10_000 });
    using _warnings = useWarnings("MERINO_WORKER_UNREACHABLE");
    await using pool = await WorkerPool.open({ size: 1, ambient: false });
    const discovery = new StaticDiscovery([...pool.workers, deadWorker()]);
    await using proxy = await WorkerProxy.open({ discovery, quorumTimeout: 1_500 });
    await connected(proxy);

    const refused = rejection(absent.with({ pool: proxy })());
    await eventually(() => proxy.explain().queued === 1);
    const sum = await add.with({ pool: proxy })(1, 2);

    assert.equal(sum, 3);
    assert.equal(((await refused) as { code?: string }).code, "ERR_MERINO_ROUTINE_NOT_FOUND");
    assert.equal(proxy.explain().queued, 0);
  });
});

describe("a call that only draining workers could take", () => {
  test("fails within the quorumTimeout, however long they drain", async () => {
    await using _ = leakCheck({ withinMs: 10_000 });
    await using pool = await WorkerPool.open({ size: 1, ambient: false });
    await using proxy = await WorkerProxy.open({
      discovery: new StaticDiscovery(pool.workers),
      quorumTimeout: 500,
    });
    await connected(proxy);
    const long = rejection(snooze.with({ pool })(60_000));
    const closing = pool.close({ grace: 60_000 });
    await eventually(() => proxy.explain().members[0]?.draining === true);

    const error = await rejection(add.with({ pool: proxy })(1, 2));

    assert.ok(error instanceof NoWorkersAvailableError);
    assert.equal(error.reasons[0]?.reason, "draining");
    await pool.close({ grace: 0 });
    await Promise.all([long, closing]);
  });
});

describe("a proxy that is closed while a worker owes its greeting", () => {
  test("closes the connection at once", async () => {
    await using _ = leakCheck({ withinMs: 10_000 });
    const directory = mkdtempSync(join(tmpdir(), "m-"));
    const path = join(directory, "s");
    const connections: Socket[] = [];
    const server = createServer((socket) => {
      connections.push(socket.on("error", () => {}).resume());
    }).listen(path);
    await once(server, "listening");
    const discovery = new StaticDiscovery([workerMetadata({ address: `unix:${path}`, secure: true })]);
    const proxy = await WorkerProxy.open({ discovery, lazy: false });
    const connection = await eventually(() => connections[0]);

    await proxy.close();

    // Well below the five seconds that the greeting may take.
    await eventually(() => connection.destroyed, { withinMs: 3_000 });
    server.close();
    rmSync(directory, { recursive: true });
  });
});

describe("a pool whose publisher fails to close", () => {
  test("ends its workers all the same, and warns", async () => {
    await using _ = leakCheck({ withinMs: 10_000 });
    using warnings = useWarnings("MERINO_PUBLISH_FAILED");
    const discovery: Discovery = {
      publisher: () => ({
        publish: async () => {},
        close: async () => {
          throw new Error("the registry is down");
        },
      }),
      async *subscribe() {},
    };
    const pool = await WorkerPool.open({ size: 1, discovery, ambient: false });
    const [worker] = pool.workers;
    assert.ok(worker !== undefined);

    await pool.close();

    assert.equal(isAlive(worker.pid), false);
    await eventually(() => warnings.seen.length === 1);
  });
});

describe("a worker that answers while its caller is blocked", () => {
  test("is not taken for one that does not answer", async () => {
    await using _ = leakCheck({ withinMs: 10_000 });
    const killGrace = 300;
    await using pool = await WorkerPool.open({
      size: 1,
      killGrace,
      ambient: false,
      worker: ProcessWorker.factory(),
    });
    const controller = new AbortController();
    const call = rejection(snooze.with({ pool, signal: controller.signal })(60_000));
    await snooze.with({ pool })(1);

    controller.abort();
    await call;
    await new Promise<void>((resolve) => {
      // The question has left by then; its answer comes while this process is busy.
      setImmediate(() => {
        holdThread(2 * killGrace);
        resolve();
      });
    });

    await eventually(() => pool.stats().abandoned === 1);
    assert.equal(pool.stats().restarts, 0);
  });
});

describe("a step of a generator that is larger than the worker accepts", () => {
  test("is refused, and those after it are answered as if it had not been asked for", async () => {
    await using _ = leakCheck({ withinMs: 10_000 });
    const worker = ProcessWorker.factory({ maxMessageSize: 100_000 });
    await using pool = await WorkerPool.open({ size: 1, worker, ambient: false });
    const large = new Uint8Array(200_000);
    const numbers = countTo.with({ pool })(3);
    await numbers.next();

    const refusals = [
      await rejection(numbers.next(large as never)),
      await rejection(numbers.throw(Object.assign(new Error("large"), { large }))),
      await rejection(numbers.return(large as never)),
    ];
    const rest = [await numbers.next(), await numbers.next(), await numbers.next()];

    assert.deepEqual(
      refusals.map((error) => (error as { code?: string }).code),
      ["ERR_MERINO_REFUSED", "ERR_MERINO_REFUSED", "ERR_MERINO_REFUSED"],
    );
    assert.deepEqual(
      rest.map(({ value, done }) => [value, done]),
      [
        [2, false],
        [3, false],
        ["counted", true],
      ],
    );
  });

  test("ends the call when it comes with prefetch, since what came ahead is gone", async () => {
    await using _ = leakCheck({ withinMs: 10_000 });
    const worker = ProcessWorker.factory({ maxMessageSize: 100_000 });
    await using pool = await WorkerPool.open({ size: 1, worker, ambient: false });
    const numbers = countTo.with({ pool, prefetch: 4 })(100);
    await numbers.next();

    const refusal = await rejection(
      numbers.throw(Object.assign(new Error("large"), { large: new Uint8Array(200_000) })),
    );
    const after = await numbers.next();

    assert.equal((refusal as { code?: string }).code, "ERR_MERINO_REFUSED");
    assert.equal(after.done, true);
    await eventually(() => pool.explain().members[0]?.inFlight === 0);
  });
});
