/** The channels of workers, pools and discoveries, and what `NODE_DEBUG=merino` prints, on real workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type ConnectingMessage,
  type DiscoveryEventMessage,
  LocalDiscovery,
  type PoolMessage,
  ProcessWorker,
  type WorkerExitMessage,
  type WorkerMessage,
  WorkerPool,
  WorkerProxy,
} from "merino";
import { eventually } from "../support/eventually.ts";
import { COMPLETED, FAILED, followChannel, followTracing } from "../support/follow-channels.ts";
import { leakCheck } from "../support/leak-check.ts";
import { runNode } from "../support/run-node.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import * as routines from "./fixtures/traced-routines.ts";

test("a pool, its workers and their connections are told of, from start to end", async () => {
  await using _leaks = leakCheck();
  using pools = followTracing<PoolMessage>("merino:pool");
  using closes = followChannel<PoolMessage>("merino:pool:close");
  using workers = followTracing<WorkerMessage>("merino:worker");
  using exits = followChannel<WorkerExitMessage>("merino:worker:exit");
  using connections = followTracing<ConnectingMessage>("merino:discovery");

  const pool = await WorkerPool.open({ size: 1, respawn: false });
  await assert.rejects(routines.die());
  await eventually(() => exits.told.length === 1);
  await pool.close();

  assert.deepEqual(pools.parts(), COMPLETED);
  assert.equal(pools.told[0]?.message.id, pool.id);
  assert.equal(pools.told[0]?.message.size, 1);
  assert.equal(pools.told[0]?.message.stats().calls, 1);
  assert.deepEqual(closes.told, [pools.told[0]?.message]);
  assert.deepEqual(workers.parts(), COMPLETED);
  const [started] = workers.told;
  const [{ pid, ...exit }] = exits.told as [WorkerExitMessage];
  assert.equal(typeof pid, "number");
  assert.equal(started?.message.pid, pid);
  assert.deepEqual(exit, {
    uid: started?.message.uid,
    exitCode: undefined,
    signal: "SIGKILL",
    expected: false,
  });
  assert.deepEqual(connections.parts().slice(0, 4), COMPLETED);
  assert.equal(connections.told[0]?.message.own, true);
  assert.equal(connections.told[0]?.message.uid, started?.message.uid);
});

test("a worker that does not come up fails its start and that of its pool", async () => {
  await using _leaks = leakCheck();
  using pools = followTracing<PoolMessage>("merino:pool");
  using workers = followTracing<WorkerMessage>("merino:worker");
  using exits = followChannel<WorkerExitMessage>("merino:worker:exit");

  const worker = ProcessWorker.factory({ execArgv: ["--no-such-flag"] });
  await assert.rejects(WorkerPool.open({ size: 1, worker }));

  assert.deepEqual(pools.parts(), FAILED);
  assert.ok(pools.told[0]?.message.error instanceof AggregateError);
  assert.deepEqual(workers.parts(), FAILED);
  assert.equal(
    (workers.told[0]?.message.error as { code?: string } | undefined)?.code,
    "ERR_MERINO_WORKER_START",
  );
  assert.equal(exits.told.length, 1);
});

test("what a discovery reports, and the connection to what was found, are told of", async () => {
  await using _leaks = leakCheck();
  using events = followChannel<DiscoveryEventMessage>("merino:discovery:event");
  const namespace = `told-${process.pid}`;
  const worker = await ProcessWorker.open({ discovery: new LocalDiscovery(namespace) });
  using connections = followTracing<ConnectingMessage>("merino:discovery");
  await using proxy = new WorkerProxy({ discovery: new LocalDiscovery(namespace) });
  await proxy.open();

  await routines.look.with({ pool: proxy })();
  await worker.close();
  await eventually(() => events.told.length >= 2);

  const { uid, address } = events.told[0] as DiscoveryEventMessage;
  assert.deepEqual(
    events.told.map(({ type, source }) => [type, source]),
    [
      ["found", `'local:${namespace}'`],
      ["gone", `'local:${namespace}'`],
    ],
  );
  assert.deepEqual(connections.parts().slice(0, 4), COMPLETED);
  const { own, uid: connected } = (connections.told[0] as { readonly message: ConnectingMessage }).message;
  assert.deepEqual([own, connected], [false, uid]);
  assert.equal(typeof address, "string");
});

test("NODE_DEBUG=merino prints the messages of caller and worker, and nothing that was sent", async () => {
  const program = fileURLToPath(new URL("./fixtures/debugged-program.ts", import.meta.url));

  const { stderr, exitCode } = await runNode([...TYPESCRIPT_FLAGS, program], {
    env: { NODE_DEBUG: "merino" },
  });

  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /MERINO \d+: pool start .*size=1/);
  assert.match(stderr, /MERINO \d+: worker over /);
  assert.match(stderr, /MERINO \d+: call start routine=\S+#fail/);
  assert.match(stderr, /MERINO \d+: call over routine=\S+#fail .*outcome=failed .*error=Error/);
  assert.match(stderr, /MERINO \d+: execution over routine=\S+#fail .*outcome=failed/);
  assert.match(stderr, /MERINO \d+: pool:close/);
  assert.doesNotMatch(stderr, /secret/);
});
