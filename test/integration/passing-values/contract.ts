/** Every kind of value there and back through a worker of one kind, and what is left at the caller afterwards. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isMerinoError, move, type NotSerializableError, StaticDiscovery, WorkerPool } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { poolOf } from "../../support/pool-of.ts";
import { type NetworkWorker, startNetworkWorker } from "../network-worker/workers.ts";
import type { Kind, Passing } from "./kind.ts";
import { isEmpty, KINDS } from "./kinds.ts";
import { echo, echoMoved, yieldMoved, yieldTwice } from "./routines.ts";

/** Where the worker is. */
type Worker = "local" | "thread" | "process" | "network";

const ROUTINES = new URL("./routines.ts", import.meta.url);

/** Runs all kinds against a pool with one worker of this kind. */
export function passesValues(worker: Worker): void {
  let network: NetworkWorker | undefined;
  let pool: WorkerPool;
  let leaks: AsyncDisposable;

  before(async () => {
    leaks = leakCheck();
    if (worker === "network") {
      network = await startNetworkWorker({ modules: [fileURLToPath(ROUTINES)] });
      pool = await WorkerPool.open({ discovery: new StaticDiscovery([network.remote]) });
    } else pool = await WorkerPool.open(poolOf(worker, 1));
  });

  after(async () => {
    await pool.close();
    await network?.[Symbol.asyncDispose]();
    await leaks[Symbol.asyncDispose]();
  });

  for (const [index, kind] of KINDS.entries()) {
    const passing = passingTo(worker, kind);
    const mark = kind.marked === true ? move : (value: unknown) => value;

    test(`${worker}: ${kind.name} (${index}) is ${passing}`, async () => {
      const value = await kind.make();
      const expected = await kind.look(value as never);
      try {
        if (passing === "refused") {
          await refuses(() => echo({ deep: [mark(value as never)] }));
          assert.deepEqual(await kind.look(value as never), expected);
          return;
        }
        const answer = await callOf(kind)({ deep: [mark(value as never)] });
        const [back] = (answer as { deep: unknown[] }).deep;
        assert.deepEqual(await kind.look(back as never), expected);
        if (kind.kept) assert.deepEqual(await kind.look(value as never), expected);
        else if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) assert.ok(isEmpty(value));
        if (passing === "shared") assertShared(value as never, back as never);
        await kind.close?.(back as never);
      } finally {
        if (passing === "refused") await kind.close?.(value as never);
      }
    });
  }

  for (const kind of KINDS.filter((each) => passingTo(worker, each) === "copied" && each.marked !== true)) {
    if (kind.streams === true) continue;
    test(`${worker}: ${kind.name} (${KINDS.indexOf(kind)}) is yielded, and returned by a generator`, async () => {
      const value = await kind.make();
      const expected = await kind.look(value as never);

      const steps = yieldTwice(value);
      const asked = [steps.next(), steps.next(), steps.next()] as const;
      const [{ value: pair }, { value: object }, { value: returned }] = await Promise.all(asked);

      const [one, same] = pair as [unknown, unknown];
      assert.equal(one, same);
      for (const back of [one, (object as { value: unknown }).value, returned])
        assert.deepEqual(await kind.look(back as never), expected);
    });
  }

  test(`${worker}: a moved value is the body's own, comes back without a copy, and can be yielded`, async () => {
    const bytes = new Uint8Array(100_000).fill(3);

    const back = (await echoMoved(move(bytes))) as unknown as Uint8Array;
    const yielded: Uint8Array[] = [];
    for await (const { value } of yieldMoved(move(back))) yielded.push(value as unknown as Uint8Array);

    assert.equal(bytes.length + back.length, 0);
    assert.deepEqual(yielded, [new Uint8Array(100_000).fill(3)]);
  });

  test(`${worker}: a slice of Node's pool is copied, and its memory stays where it is`, async () => {
    const slice = Buffer.from("hello");

    const back = await echo(move(slice));

    assert.deepEqual(back, slice);
    assert.equal(slice.toString(), "hello");
  });
}

/** Over a network values pass as to a process. */
function passingTo(worker: Worker, kind: Kind): Passing {
  return worker === "thread" ? kind.thread : kind.process;
}

/** Objects with one owner have to be moved back as well. */
function callOf(kind: Kind): (argument: unknown) => Promise<unknown> {
  if (kind.thread !== "moved" || kind.close === undefined) return echo;
  return async (argument) => ({
    deep: [await echoMoved((argument as { deep: unknown[] }).deep[0])],
  });
}

async function refuses(call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(isMerinoError(error));
    assert.equal(error.code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal((error as NotSerializableError).path, "args[0].deep[0]");
    assert.match(
      error.message,
      /args\[0\]\.deep\[0\]: its? .+; .*send /,
      "no word of what to send in its place",
    );
    return true;
  });
}

/** What is written here can be read there. */
function assertShared(one: { buffer?: object }, other: { buffer?: object }): void {
  const bytes = (value: object): Uint8Array =>
    new Uint8Array(((value as { buffer?: object }).buffer ?? value) as never);
  bytes(one)[0] = 42;
  assert.equal(bytes(other)[0], 42);
}
