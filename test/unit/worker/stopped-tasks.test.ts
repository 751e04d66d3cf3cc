/** What the callers and the bodies of a worker's tasks learn when the worker is to end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { currentTask } from "../../../src/context/scope.ts";
import type { Task } from "../../../src/context/task.ts";
import { WorkerLostError } from "../../../src/errors/worker-lost-error.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { eventually } from "../../support/eventually.ts";
import { type Body, connect, type RecordedCall } from "../../support/protocol-peers.ts";

function task(): Task {
  return currentTask() ?? assert.fail("outside a task");
}

/** Resolves when the signal fires. */
function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Bodies that end in many ways once their signal fires, and some that do not. */
const ENDINGS: Readonly<Record<string, Body>> = {
  async rethrows() {
    const { signal } = task();
    await fired(signal);
    signal.throwIfAborted();
  },
  async passesItOn() {
    await pause(60_000, undefined, { signal: task().signal });
  },
  async throwsItsOwnAbort() {
    await fired(task().signal);
    throw new DOMException("I was aborted", "AbortError");
  },
  async neverEnds() {
    await new Promise(() => {});
  },
  async *yieldsForEver() {
    for (;;) {
      yield 1;
      await pause(1);
    }
  },
  async *waitsAtAStep() {
    await fired(task().signal);
    yield 1;
  },
  async *isStuckInAStep() {
    await new Promise(() => {});
    yield 1;
  },
};

async function stoppedBy(call: RecordedCall): Promise<WorkerLostError> {
  const outcome = await call.outcome;
  assert.equal(outcome.kind, "exception");
  const error = outcome.kind === "exception" ? outcome.error : undefined;
  assert.ok(error instanceof WorkerLostError, `not a WorkerLostError but ${String(error)}`);
  assert.equal(error.reason, "stopped");
  return error;
}

describe("a call whose worker is stopped", () => {
  for (const [id, body] of Object.entries(ENDINGS)) {
    test(`fails with WorkerLostError, "stopped", when its body ${id}`, async () => {
      await using pair = await connect({ [id]: body });
      const generator = body.constructor.name === "AsyncGeneratorFunction";
      const call = pair.client.call(id, [], { generator });
      await eventually(() => pair.worker.starts === 1);
      if (id === "yieldsForEver") await call.yielded(1);

      pair.worker.tasks.stopAll();
      await pause(5);
      pair.worker.tasks.forsakeAll();

      const error = await stoppedBy(call);
      assert.equal(error.worker.uid, "worker");
      assert.equal(error.worker.pid, process.pid);
      assert.equal(error.cause, undefined);
      assert.match(error.message, new RegExp(`it was stopped; the call to '${id}' may have run`));
      assert.equal(call.outcomes.length, 1);
      await pair.worker.tasks.idle();
    });
  }

  test("has the error of its body as cause, where that says more", async () => {
    await using pair = await connect({
      async fails() {
        await fired(task().signal);
        throw new RangeError("half a file");
      },
    });
    const call = pair.client.call("fails");
    await eventually(() => pair.worker.starts === 1);

    pair.worker.tasks.stopAll();

    const { cause } = await stoppedBy(call);
    assert.ok(cause instanceof RangeError);
    assert.equal(cause.message, "half a file");
  });

  test("keeps its value when its body comes to its end in time", async () => {
    await using pair = await connect({
      async ends() {
        await fired(task().signal);
        return "so far";
      },
    });
    const call = pair.client.call("ends");
    await eventually(() => pair.worker.starts === 1);

    pair.worker.tasks.stopAll();

    assert.equal(await call.value(), "so far");
  });
});

describe("currentTask().draining", () => {
  test("fires when the worker begins to end, before the task's signal, and inside the task", async () => {
    const seen: unknown[] = [];
    await using pair = await connect({
      async long() {
        const { draining, signal } = task();
        seen.push(draining.aborted, draining === task().draining);
        draining.addEventListener("abort", () => seen.push(currentTask()?.routine, signal.aborted));
        await fired(draining);
        return draining.reason instanceof DOMException ? draining.reason.name : draining.reason;
      },
    });
    const call = pair.client.call("long");
    await eventually(() => pair.worker.starts === 1);

    pair.worker.tasks.drain({ client: "test", session: 1 }); // as a pool that closes says it
    pair.worker.tasks.drain();

    assert.equal(await call.value(), "AbortError");
    assert.deepEqual(seen, [false, true, "long", false]);
  });

  test("has fired already in a task that begins later, and in one that asks later", async () => {
    const gate = createDeferred();
    await using pair = await connect({
      now: () => task().draining.aborted,
      async later() {
        await gate.promise;
        return task().draining.aborted;
      },
    });
    const later = pair.client.call("later");
    await eventually(() => pair.worker.starts === 1);

    pair.worker.tasks.drain();
    const nested = pair.client.call("now", [], { nested: true });
    gate.resolve();

    assert.deepEqual(await Promise.all([nested.value(), later.value()]), [true, true]);
  });
});
