/** What a peer gets that asks for resources in frames of its own making. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Amounts } from "../../../../src/internal/amounts.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../../support/eventually.ts";
import { connect, type RecordedCall } from "../../../support/protocol-peers.ts";

const GPU: Amounts = new Map([["gpu", 1_000]]);
const HALF: Amounts = new Map([["gpu", 500]]);

async function codeOf(call: RecordedCall): Promise<number | string> {
  const outcome = await call.outcome;
  return outcome.kind === "refused" ? outcome.nack.code : outcome.kind;
}

test("a worker that drains reserves nothing, also for a peer that says it asks from within a task", async () => {
  await using pair = await connect({ add: () => 3 }, { resources: GPU, needs: { add: HALF } });
  const { client, worker } = pair;
  const before = client.call("", [], { nested: true, reserve: { resources: HALF, timeMs: 60_000 } });
  await eventually(() => before.acks === 1);

  worker.tasks.drain();
  const rootly = client.call("", [], { reserve: { resources: HALF, timeMs: 60_000 } });
  const nestedly = client.call("", [], { nested: true, reserve: { resources: HALF, timeMs: 60_000 } });

  assert.equal(await codeOf(before), "done"); // it has ended with the draining
  assert.equal(await codeOf(rootly), NackCode.DRAINING);
  assert.equal(await codeOf(nestedly), NackCode.DRAINING);
  assert.equal(await codeOf(client.call("add", [], { nested: true })), "done"); // a task of one that is under way
  await worker.tasks.idle();
});

test("a worker that has as many calls as it may grants no reservation, whatever a peer says of it", async () => {
  const gate = createDeferred<void>();
  await using pair = await connect({ wait: () => gate.promise }, { resources: GPU, maxRootTasks: 1 });
  const { client, worker } = pair;
  const running = client.call("wait");
  await eventually(() => worker.starts === 1);

  const refused = client.call("", [], { nested: true, reserve: { resources: GPU, timeMs: 60_000 } });

  assert.equal(await codeOf(refused), NackCode.FULL);
  gate.resolve();
  assert.equal(await codeOf(running), "done");
});
