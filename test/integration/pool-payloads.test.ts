/** What does and does not fit through: sizes around the limits, results that cannot travel, output of workers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMerinoError, NotSerializableError, ProcessWorker, WorkerPool } from "merino";
import { leakCheck } from "../support/leak-check.ts";
import { add, bytes, giveFunction, sizeOf, throwLarge } from "./fixtures/pool-routines.ts";
import { rejection } from "./fixtures/pool-support.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;

/** What `bytes(length)` returns. */
function expectedBytes(length: number): Uint8Array {
  const result = new Uint8Array(length);
  for (let index = 0; index < length; index += 1_021) result[index] = index % 251;
  return result;
}

describe("binary values", () => {
  for (const length of [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB, 99 * MIB]) {
    test(`of ${length} bytes arrive whole, as arguments and as results`, async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ size: 1 });

      const result = await bytes(length);
      const size = await sizeOf(result);

      assert.ok(
        Buffer.from(result.buffer, result.byteOffset, result.byteLength).equals(expectedBytes(length)),
      );
      assert.equal(size, length);
    });
  }

  test("on their way to a worker keep no small call from it, and wait for one another", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });
    const { pid } = pool.workers[0] ?? assert.fail();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    await add(1, 1);
    // It reads nothing: what does not fit into the socket stays here.
    process.kill(pid, "SIGSTOP");

    const first = sizeOf(new Uint8Array(64 * MIB)).then(note("first"));
    const second = sizeOf(new Uint8Array(64 * MIB)).then(note("second"));
    await new Promise((resolve) => setImmediate(resolve)); // the socket is full
    const small = add(1, 2).then(note("small"));
    const { queued } = pool.stats();
    process.kill(pid, "SIGCONT");
    await Promise.all([first, second, small]);

    assert.equal(queued, 1); // the second
    assert.deepEqual(order, ["small", "first", "second"]);
  });

  test("interleave with small calls", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ size: 1 });

    const [results, sums] = await Promise.all([
      Promise.all(Array.from({ length: 8 }, () => bytes(8 * MIB))),
      Promise.all(Array.from({ length: 500 }, (_, n) => add(n, 1))),
    ]);

    assert.ok(results.every((result) => result.byteLength === 8 * MIB));
    assert.ok(sums.every((sum, n) => sum === n + 1));
  });
});

describe("a value larger than the worker's maxMessageSize", () => {
  test("is refused as an argument, before it is sent", async () => {
    await using _ = leakCheck();
    const worker = ProcessWorker.factory({ maxMessageSize: MIB });
    await using pool = await WorkerPool.open({ size: 1, worker });
    const [before] = pool.workers;

    const error = await rejection(sizeOf(new Uint8Array(2 * MIB)));
    const fits = await sizeOf(new Uint8Array(MIB - KIB));

    assert.ok(isMerinoError(error), String(error));
    assert.match(error.message, /1048576/);
    assert.equal(fits, MIB - KIB);
    assert.equal(pool.workers[0]?.pid, before?.pid);
    assert.equal(pool.stats().unsettled, 0);
  });

  test("of the default size is refused as an argument and as a result, and the pool goes on", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });
    const [before] = pool.workers;

    const argument = await rejection(sizeOf(new Uint8Array(101 * MIB)));
    const result = await rejection(bytes(101 * MIB));
    const sum = await add(1, 2);

    for (const error of [argument, result]) assert.ok(isMerinoError(error), String(error));
    assert.equal(sum, 3);
    assert.equal(pool.workers[0]?.pid, before?.pid);
    assert.equal(pool.stats().workers[0]?.inFlight, 0);
  });
});

describe("a value that cannot travel", () => {
  test("is refused as a result, with its path, and is the routine's fault", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ size: 1 });

    const error = await rejection(giveFunction());

    assert.ok(isMerinoError(error));
    assert.ok(error instanceof NotSerializableError);
    assert.equal(error.path, "result.items[1]");
    assert.equal(error.fault, "routine");
    assert.equal(await add(1, 2), 3);
  });

  test("is refused as an argument before anything is sent, and is the caller's fault", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });

    const error = await rejection(sizeOf({ callback() {} } as never));

    assert.ok(error instanceof NotSerializableError);
    assert.equal(error.path, "args[0].callback");
    assert.equal(error.fault, "caller");
    assert.equal(pool.stats().calls, 0);
  });
});

test("an error with more data than the caller accepts is told in words", async () => {
  await using _ = leakCheck();
  await using _pool = await WorkerPool.open({ size: 1 });

  const error = await rejection(throwLarge(120 * MIB));

  assert.ok(isMerinoError(error), "not one of ours");
  assert.equal(error.code, "ERR_MERINO_REFUSED");
  assert.match(error.message, /RangeError: with data/);
  assert.equal(await add(1, 2), 3);
});
