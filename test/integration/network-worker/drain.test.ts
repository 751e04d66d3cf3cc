/** Workers that end in order under load: whoever calls them loses nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerConnection, WorkerLostError, WorkerProxy } from "merino";
import { grpcChannels } from "../../../src/transport/grpc/channel-pool.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { add, held, isHeld, ticks, untilAborted, untilDraining } from "./fixtures/network-routines.ts";
import { exitOf, startNetworkWorker } from "./workers.ts";

const LANES = 64;
const CALLS_BEFORE = 2_000;
const CALLS_AFTER = 2_000;

for (const way of ["over TCP", "over the Unix socket"]) {
  test(`a worker told to stop under load loses no call of a caller ${way}`, { timeout: 60_000 }, async () => {
    await using _leaks = leakCheck();
    await using leaving = await startNetworkWorker();
    await using staying = await startNetworkWorker();
    const workers = [leaving, staying].map((worker) =>
      way === "over TCP" ? worker.remote : worker.metadata,
    );
    await using proxy = await WorkerProxy.open({ workers, quorum: 2 });
    const call = add.with({ pool: proxy });
    let made = 0;
    let settled = 0;
    let ending = false;
    const failures: unknown[] = [];
    const lanes = Promise.all(
      Array.from({ length: LANES }, async () => {
        while (!ending) {
          const id = made++;
          const outcome = await call(id, 1).catch((error: unknown) => error);
          if (outcome !== id + 1) failures.push(outcome);
          settled += 1;
        }
      }),
    );
    await eventually(() => settled >= CALLS_BEFORE, { withinMs: 30_000 });

    await using connection = new WorkerConnection(leaving.metadata);
    await connection.stop({ grace: 10_000 });
    const exit = await exitOf(leaving);
    const settledAtExit = settled;
    await eventually(() => settled >= settledAtExit + CALLS_AFTER, { withinMs: 30_000 });
    ending = true;
    await lanes;

    assert.deepEqual(failures.slice(0, 3), []);
    assert.equal(settled, made);
    assert.equal(exit.exitCode, 0);
    const served = proxy.explain().members.find(({ uid }) => uid === staying.metadata.uid);
    assert.ok((served?.completed ?? 0) > 0);
    await grpcChannels.close();
  });
}

for (const way of ["over TCP", "over the Unix socket"]) {
  test(`a worker told to stop tells its tasks early, and its callers ${way} that it was stopped`, async () => {
    await using _leaks = leakCheck();
    await using worker = await startNetworkWorker();
    const record = way === "over TCP" ? worker.remote : worker.metadata;
    await using proxy = await WorkerProxy.open({ workers: [record] });
    const outcomeOf = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);
    const stream = async (): Promise<void> => {
      for await (const _ of ticks.with({ pool: proxy })());
    };
    const early = outcomeOf(untilDraining.with({ pool: proxy })());
    const cut = [held.with({ pool: proxy })(), untilAborted.with({ pool: proxy })(), stream()].map(outcomeOf);
    await eventually(() => isHeld.with({ pool: proxy })());
    await using connection = new WorkerConnection(worker.metadata);

    await connection.stop({ grace: 300 });
    const outcomes = await Promise.all(cut);

    assert.equal(await early, "early");
    for (const error of outcomes) {
      assert.ok(error instanceof WorkerLostError, `not a WorkerLostError but ${String(error)}`);
      assert.deepEqual([error.reason, error.worker.uid], ["stopped", worker.metadata.uid]);
    }
    assert.equal((await exitOf(worker)).exitCode, 0);
    await grpcChannels.close();
  });
}
