/** Answers that callers of `dispatch` do not read: however many calls they are of, the worker makes few. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { UNKNOWN_PEER } from "../../../../../src/credentials/peers/peer.ts";
import { MemoryBudget } from "../../../../../src/session/memory/memory-budget.ts";
import { relayDispatch } from "../../../../../src/transport/listener/dispatch/stream.ts";
import type { ServerCallEvents } from "../../../../../src/transport/listener/server-call.ts";
import { createPortMemory, PortCarrier } from "../../../../../src/transport/thread/port-carrier.ts";
import { TaskFlag } from "../../../../../src/wire/task/flags.ts";
import { taskOf } from "../../../../support/dispatch-peers.ts";
import { eventually } from "../../../../support/eventually.ts";
import { TestWorker } from "../../../../support/protocol-peers.ts";

const KIB = 1024;
const CALLS = 30;
const ANSWER_BYTES = 60 * KIB;

/** A caller's stream, which is full with every answer until the caller reads. */
class UnreadCall {
  unread = 0;
  ended = false;
  events: ServerCallEvents | undefined;

  send(): boolean {
    this.unread += 1;
    return false;
  }

  pause(): void {}

  setBacklog(): void {}

  resume(): void {}

  end(): void {
    this.ended = true;
  }

  /** The caller reads everything; once its call has ended, that ends the stream. */
  read(): void {
    this.unread = 0;
    if (this.ended) this.events?.closed();
    else this.events?.drain();
  }
}

test("a worker makes no more answers for one connection's dispatch calls than it has room for, and the rest as they are read", async () => {
  const memory = new MemoryBudget({ limitBytes: 1024 * KIB, objectWeight: 1 });
  const worker = new TestWorker({ "a/b.ts#blob": () => new Uint8Array(ANSWER_BYTES) }, { memory });
  const calls: UnreadCall[] = [];
  for (let n = 0; n < CALLS; n += 1) {
    const call = new UnreadCall();
    const { port1, port2 } = new MessageChannel();
    const options = { memory: createPortMemory(), peer: UNKNOWN_PEER, description: "one connection" };
    worker.tasks.serve(new PortCarrier(port2, { ...options, side: 1 }));
    call.events = relayDispatch(call, new PortCarrier(port1, { ...options, side: 0 }));
    const task = taskOf("a/b.ts#blob", [], { flags: TaskFlag.NextImplied });
    call.events.message(task, 0, task.length);
    calls.push(call);
    // One after the other: answers are counted when the turn in which they were made is over.
    await eventually(() => worker.tasks.inFlight + worker.starts > n, { everyMs: 0 });
  }

  await eventually(() => memory.full);
  await eventually(() => worker.tasks.inFlight === CALLS - worker.starts);
  const before = worker.starts;
  await eventually(() => {
    for (const call of calls) if (call.unread > 0) call.read();
    return calls.every(({ ended, unread }) => ended && unread === 0);
  });

  assert.ok(before * ANSWER_BYTES <= 1.25 * memory.limitBytes, `${before} of ${CALLS} answers are kept`);
  assert.equal(worker.starts, CALLS);
  await eventually(() => memory.heldBytes === 0);
  worker.tasks.close();
});
