/** Resources of workers: how they are counted, waited for, and reserved; over processes, threads and in the program. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  isMerinoError,
  NoWorkersAvailableError,
  type PoolEvent,
  ReservationLostError,
  StaticDiscovery,
  TaskRefusedError,
  WorkerPool,
} from "merino";
import { leakCheck } from "../support/leak-check.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { type CommandProcess, startCommand } from "./cli/cli-support.ts";
import { rejection } from "./fixtures/pool-support.ts";
import {
  both,
  deadlock,
  fails,
  huge,
  licensed,
  mixed,
  mostHeld,
  one,
  stubborn,
  through,
  values,
} from "./fixtures/resource-routines.ts";

const ROUTINES = fileURLToPath(new URL("./fixtures/resource-routines.ts", import.meta.url));

const KINDS = {
  process: { size: 1, worker: "process" },
  thread: { size: 1, worker: "thread" },
  local: { local: true },
} as const;

describe("the resources of a shared worker", () => {
  const serve = (): CommandProcess =>
    startCommand(
      [
        "worker",
        ROUTINES,
        "--host",
        "127.0.0.1",
        "--insecure",
        "--resource",
        "gpu=1",
        "--resource",
        "license=1",
      ],
      { NODE_OPTIONS: TYPESCRIPT_FLAGS.join(" ") },
    );

  test("are those of its command, and are free again when the connection of their holder has ended", async () => {
    await using _ = leakCheck();
    await using worker = serve();
    const discovery = new StaticDiscovery([await worker.serves()]);
    // For so long somebody with enough for the call at the end may still come.
    await using pool = await WorkerPool.open({ discovery, ambient: false, quorumTimeout: 1_000 });
    const holder = await WorkerPool.open({ discovery, ambient: false });

    const gpu = await holder.reserve({ gpu: 1 }, { for: 60_000 });
    const waiting = pool.run(() => one(1));
    const order: string[] = [];
    void waiting.then(() => order.push("waiting"));
    await gpu.run(() => one(1));
    order.push("holder");
    await holder.close();

    assert.notEqual(await gpu.ended, "released");
    await waiting;
    assert.deepEqual(order, ["holder", "waiting"]);
    assert.deepEqual(pool.explain().members[0]?.resources, { gpu: 1, license: 1 });
    assert.ok((await rejection(pool.run(() => huge()))) instanceof NoWorkersAvailableError);
  });

  test("are lost to their holder with the worker", async () => {
    await using _ = leakCheck();
    await using worker = serve();
    await using pool = await WorkerPool.open({ discovery: new StaticDiscovery([await worker.serves()]) });

    const gpu = await pool.reserve({ gpu: 1 }, { for: 60_000 });
    process.kill(await gpu.run(() => one(1)), "SIGKILL");

    assert.equal(await gpu.ended, "lost");
    const error = await rejection(gpu.run(() => one(1)));
    assert.ok(error instanceof ReservationLostError, String(error));
    assert.deepEqual([error.end, error.worker], ["lost", gpu.worker]);
    await worker.exited;
  });
});

for (const [name, kind] of Object.entries(KINDS)) {
  const open = (resources: Record<string, number>): Promise<WorkerPool> =>
    WorkerPool.open({ ...kind, resources });

  describe(`the resources of a pool of the kind "${name}"`, () => {
    test("are held by no more bodies than there are, and by calls in the order in which they came", async () => {
      await using _ = leakCheck();
      await using pool = await open({ gpu: 2, license: 1 });
      const order: string[] = [];
      const note = (name: string) => () => void order.push(name);

      const first = values();
      await first.next();
      const large = both(1).then(note("large"));
      const small = Array.from({ length: 20 }, () => one(1).then(note("small")));
      await licensed(1).then(note("licensed"));
      const waiting = pool.explain().resources;
      const stats = pool.stats().resources;
      await first.return(undefined);
      await Promise.all([large, ...small]);

      assert.equal(await mostHeld(), 2);
      assert.deepEqual(order.slice(0, 2), ["licensed", "large"]);
      assert.deepEqual(
        waiting.map(({ needs, waiting: count }) => [needs.gpu, count]),
        [
          [2, 1],
          [1, 20],
        ],
      );
      assert.deepEqual(stats, {
        gpu: { total: 2, held: 1, waiting: 21 },
        license: { total: 1, held: 0, waiting: 0 },
      });
      assert.equal(pool.explain().members[0]?.resourcesUsed, undefined);
      assert.deepEqual(pool.stats().resources.gpu, { total: 2, held: 0, waiting: 0 });
    });

    test("are given back whichever way a body ends", async () => {
      await using _ = leakCheck();
      await using _pool = await open({ gpu: 1 });

      assert.ok((await rejection(fails())) instanceof TypeError);
      for await (const value of values()) if (value === 2) break;
      const controller = new AbortController();
      const cancelled = rejection(stubborn.with({ signal: controller.signal })(20));
      const generator = values();
      const suspended = generator.next();
      controller.abort(new Error("enough"));
      await cancelled;
      await suspended;
      const last = one(1);
      await generator.return(undefined);
      await last;

      assert.ok((await mostHeld()) <= 1);
    });

    test("are not waited for by a body that holds some of them", { timeout: 30_000 }, async () => {
      await using _ = leakCheck();
      await using _pool = await open({ gpu: 1, license: 1 });

      const error = await rejection(deadlock());
      assert.ok(error instanceof TaskRefusedError, String(error));
      assert.equal(error.refusal, "HELD");
      // Of something else it holds nothing, and gets it if it is free.
      await mixed();
      // A body that holds nothing may wait.
      const held = one(20);
      await Promise.all([through(1), through(1), held]);
      // One that holds something does not wait for more.
      const busy = values();
      await busy.next();
      assert.ok((await rejection(mixed())) instanceof NoWorkersAvailableError);
      await busy.return(undefined);
    });

    test("fail a call that no worker ever has enough for, and say so", async () => {
      await using _ = leakCheck();
      await using _pool = await open({ gpu: 1 });

      const error = await rejection(huge());
      assert.ok(error instanceof NoWorkersAvailableError, String(error));
      assert.match(error.message, /needs 1000 of 'gpu', and the worker has 1 of 'gpu'/);
    });

    test("are reserved for calls that nobody else's go before, and given back", async () => {
      await using _ = leakCheck();
      await using pool = await open({ gpu: 1 });
      const events: PoolEvent[] = [];
      const reading = (async () => {
        for await (const event of pool.events({ tasks: false })) {
          if (event.type.startsWith("reservation")) events.push(event);
          if (events.length === 2) break;
        }
      })();

      let outside: Promise<number>;
      {
        await using gpu = await pool.reserve({ gpu: 1 }, { for: 60_000 });
        outside = one(1);
        await gpu.run(() => Promise.all([one(1), one(1), one(1)]));
        assert.equal(pool.explain().resources[0]?.waiting, 1);
        assert.deepEqual(pool.stats().resources, { gpu: { total: 1, held: 1, waiting: 1 } });
        assert.deepEqual(pool.explain().members[0]?.resourcesUsed, { gpu: 1 });
        const tooMuch = await rejection(gpu.run(() => both(1)));
        assert.ok(tooMuch instanceof TaskRefusedError, String(tooMuch));
        assert.equal(tooMuch.refusal, "LACKS_RESOURCES");
        const nested = await rejection(gpu.run(() => through(1)));
        assert.equal(isMerinoError(nested) && nested.code, "ERR_MERINO_REFUSED");
      }
      await outside;
      await reading;

      assert.equal(await mostHeld(), 1);
      assert.deepEqual(
        events.map(({ type }) => type),
        ["reservation-granted", "reservation-ended"],
      );
    });

    test("are reserved for a time, after which calls through the reservation are refused", async () => {
      await using _ = leakCheck();
      await using pool = await open({ gpu: 1 });

      await one(1); // the module is loaded
      await using gpu = await pool.reserve({ gpu: 1 }, { for: 1_000 });
      const running = gpu.run(() => values());
      await running.next();
      assert.equal(await gpu.ended, "expired");
      const error = await rejection(gpu.run(() => one(1)));
      // What runs within it by then goes on, and is counted until it has ended.
      let isFree = false;
      const after = one(1).then(() => {
        isFree = true;
      });
      for (let step = 0; step < 20; step++) await running.next();
      assert.equal(isFree, false);
      await running.return(undefined);
      await after;

      assert.ok(error instanceof ReservationLostError, String(error));
      assert.equal(error.code, "ERR_MERINO_RESERVATION_LOST");
      assert.ok(gpu.signal.aborted);
      assert.equal(await mostHeld(), 1);
    });

    test("are not reserved for longer than a worker grants, or for more than it has", async () => {
      await using _ = leakCheck();
      await using pool = await open({ gpu: 1 });

      const long = await rejection(pool.reserve({ gpu: 1 }, { for: 86_400_000 }));
      const large = await rejection(pool.reserve({ gpu: 2 }, { for: 1_000 }));
      const signal = AbortSignal.abort(new Error("no"));
      const cancelled = await rejection(pool.reserve({ gpu: 1 }, { for: 1_000, signal }));
      const held = await pool.reserve({ gpu: 1 }, { for: 60_000 });
      const late = await rejection(pool.reserve({ gpu: 1 }, { for: 1_000, timeout: 5 }));
      held.release();
      // What ends the wait does not end what has been granted.
      const controller = new AbortController();
      const granted = await pool.reserve(
        { gpu: 1 },
        { for: 60_000, signal: controller.signal, timeout: 20_000 },
      );
      controller.abort(new Error("too late"));
      await granted.run(() => one(1));
      assert.equal(granted.signal.aborted, false);
      granted.release();

      assert.ok(long instanceof NoWorkersAvailableError, String(long));
      assert.match(long.message, /at most 600000 ms/);
      assert.ok(large instanceof NoWorkersAvailableError);
      assert.equal((cancelled as Error).message, "no");
      assert.equal(isMerinoError(late) && late.code, "ERR_MERINO_TIMEOUT");
      await one(1);
      await pause(0);
    });
  });
}
