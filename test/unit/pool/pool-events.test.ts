/** Who reads which events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskEvent } from "../../../src/client/dispatch/task-event.ts";
import type { PoolEvent, WorkerEvent } from "../../../src/pool/pool-event.ts";
import { PoolEvents } from "../../../src/pool/pool-events.ts";

const STARTING: WorkerEvent = { type: "worker-starting", uid: "a" };
const SENT: TaskEvent = {
  type: "task",
  phase: "sent",
  id: "t",
  routine: "r",
  tag: undefined,
  priority: 0,
  attempt: 1,
  nested: false,
  worker: "a",
  workerVersion: "1.0.0",
};

async function collect(events: AsyncIterable<PoolEvent>): Promise<readonly string[]> {
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  return types;
}

test("PoolEvents gives everything to some and the workers alone to others, until it is closed", async () => {
  const events = new PoolEvents();
  const all = collect(events.subscribe({}));
  const workers = collect(events.subscribe({ tasks: false }));

  for (const event of [STARTING, SENT, STARTING]) events.publish(event);
  await new Promise(setImmediate);
  events.close();

  assert.deepEqual(await all, ["worker-starting", "task", "worker-starting"]);
  assert.deepEqual(await workers, ["worker-starting", "worker-starting"]);
});

test("PoolEvents asks for events about calls only while somebody reads them", () => {
  const events = new PoolEvents();
  const ended = new AbortController();
  assert.equal(events.wanted, false);

  events.subscribe({ tasks: false });
  assert.equal(events.wanted, false);
  events.subscribe({ signal: ended.signal });
  assert.equal(events.wanted, true);
  ended.abort();

  assert.equal(events.wanted, false);
});
