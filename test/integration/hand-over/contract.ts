/** Streams that go from worker to worker, on workers of one kind. */
import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { StaticDiscovery, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { holdThread } from "../../support/hold-thread.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { poolOf } from "../../support/pool-of.ts";
import { type NetworkWorker, startNetworkWorker } from "../network-worker/workers.ts";
import * as routines from "./routines.ts";

/** Where the workers are. */
type Worker = "local" | "thread" | "process" | "network";

const ROUTINES = new URL("./routines.ts", import.meta.url);

/** Runs all of them against a pool of two workers of this kind. */
export function handsStreamsOver(worker: Worker): void {
  const network: NetworkWorker[] = [];
  const folder = mkdtempSync(join(tmpdir(), "merino-hand-over-"));
  let files = 0;
  let pool: WorkerPool;
  let leaks: AsyncDisposable;

  /** Where a body writes how far it has come. */
  const file = (): string => join(folder, `${files++}`);
  const nothingRuns = (): Promise<unknown> =>
    eventually(() => pool.stats().workers.every(({ inFlight }) => inFlight === 0));

  before(async () => {
    leaks = leakCheck();
    if (worker === "network") {
      const modules = [fileURLToPath(ROUTINES)];
      for (let n = 0; n < 2; n++) network.push(await startNetworkWorker({ modules }));
      pool = await WorkerPool.open({ discovery: new StaticDiscovery(network.map(({ remote }) => remote)) });
    } else pool = await WorkerPool.open(poolOf(worker, 2));
  });

  after(async () => {
    await pool.close();
    for (const started of network) await started[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
    await leaks[Symbol.asyncDispose]();
  });

  test(`${worker}: the items of a generator are read by a body on another worker`, async () => {
    const { total, from, here } = await routines.trace(routines.count(1_000));

    assert.equal(total, 499_500);
    assert.equal(from.length, 1);
    if (worker === "process") assert.notEqual(from[0], here);
    assert.equal(await routines.sum(routines.countSync(1_000)), 499_500);
    assert.equal(await routines.sum(routines.doubled(routines.countSync(100))), 9_900);
    await nothingRuns();
  });

  test(`${worker}: its end, its value and its errors are the body's`, async () => {
    const results = (await routines.steps(routines.count(1))) as { value: unknown; done: boolean }[];
    const failed = await routines.observe(routines.bad());
    const refused = await routines.observe(routines.unsendable());

    assert.deepEqual(
      results.map(({ value, done }) => (done ? value : "item")),
      ["item", "counted", undefined],
    );
    assert.deepEqual(failed.seen, [1]);
    assert.ok(failed.error instanceof RangeError);
    assert.deepEqual(refused.seen, [1]);
    assert.equal((refused.error as { code?: string }).code, "ERR_MERINO_NOT_SERIALIZABLE");
    await nothingRuns();
  });

  test(`${worker}: a stream in a function's value goes on to a body likewise`, async () => {
    const { rows } = await routines.report(300);

    assert.equal(await routines.sum(rows), 44_850);

    await nothingRuns();
  });

  test(`${worker}: context variables are the same from worker to worker and through the caller`, async () => {
    const { made, read, setting, settings, readSettings } = routines;
    const expected = [
      [["mine", "read 0"], "item 0"],
      [["item 0", "read 1"], "item 1"],
      [["item 1", "read 1"], "item 2"], // made ahead of its reader
      [undefined, "end"],
    ];
    const sources = {
      direct: () => setting(3),
      throughCaller: () => setting.with({ runTimeout: 60_000 })(3),
      inValue: async () => (await settings(3)).rows,
    };

    for (const [name, source] of Object.entries(sources)) {
      await made.run("mine", async () => {
        assert.deepEqual(await readSettings((await source()) as AsyncIterator<unknown>), expected, name);
        assert.deepEqual([made.get(), read.get()], ["end", "read 3"], name);
      });
    }
    await nothingRuns();
  });

  test(`${worker}: a body that leaves the stream closes it`, async () => {
    const path = file();

    assert.deepEqual(await routines.some(routines.watched(path), 3), [0, 1, 2]);

    await eventually(() => readFileSync(path, "utf8").endsWith("closed"));
    const made = readFileSync(path, "utf8").length - "closed".length;
    assert.ok(made <= 3 + 64, `${made} items were made for three`);
    await nothingRuns();
  });

  test(`${worker}: cancelling either call ends both`, async () => {
    for (const which of ["maker", "reader"]) {
      const path = file();
      closeSync(openSync(path, "w"));
      const controller = new AbortController();
      const on = { signal: controller.signal };
      const items = which === "maker" ? routines.watched.with(on)(path) : routines.watched(path);
      const call = which === "maker" ? routines.sum(items) : routines.sum.with(on)(items);
      const settled = Promise.allSettled([call]);
      await eventually(() => readFileSync(path, "utf8").length > 100);
      controller.abort(new Error("changed my mind"));

      const [outcome] = await settled;
      assert.equal(outcome?.status === "rejected" && (outcome.reason as Error).message, "changed my mind");
      await eventually(() => readFileSync(path, "utf8").endsWith("closed"));
      await nothingRuns();
    }
  });

  if (worker === "network" || worker === "local") return; // no thread but the caller's, and nobody else who dies

  test(`${worker}: items go on while the thread of the caller is held`, async () => {
    const path = file();
    closeSync(openSync(path, "w"));
    const controller = new AbortController();
    const call = routines.sum.with({ signal: controller.signal })(routines.watched(path));
    const settled = Promise.allSettled([call]);
    await eventually(() => readFileSync(path, "utf8").length > 10);

    holdThread(200);
    const before = readFileSync(path, "utf8").length;
    holdThread(1_000);
    const after = readFileSync(path, "utf8").length;
    controller.abort();
    await settled;

    assert.ok(after - before > 2 * 256, `${after - before} items were made meanwhile`);
    await nothingRuns();
  });

  for (const victim of ["maker", "reader"] as const) {
    test(`${worker}: the death of the ${victim} settles both calls, and the other worker goes on`, async () => {
      const path = file();
      const items = victim === "maker" ? routines.watched(path, 500) : routines.watched(path);
      const reading = victim === "maker" ? routines.sum(items) : routines.dieAfter(items, 500);
      const [outcome] = await Promise.allSettled([reading]);

      assert.equal(outcome?.status, "rejected");
      const { code } = (outcome as PromiseRejectedResult).reason as { code?: string };
      assert.equal(code, "ERR_MERINO_WORKER_LOST");
      if (victim === "reader") await eventually(() => readFileSync(path, "utf8").endsWith("closed"));
      await nothingRuns();
      await eventually(() => pool.stats().workers.filter(({ state }) => state === "ready").length === 2);
      assert.equal(await routines.sum(routines.countSync(10)), 45);
    });
  }
}
