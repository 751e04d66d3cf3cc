import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OutgoingTask } from "../../../../src/client/call/outgoing-task.ts";
import { PutOffTasks } from "../../../../src/client/dispatch/retry-queue.ts";
import { stubTask } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";

function usePutOff(inFlight = 0) {
  const offered: string[] = [];
  /** How many were offered at a time. */
  const batches: number[] = [];
  let batch = 0;
  const putOff = new PutOffTasks({
    inFlight: () => inFlight,
    offer(task) {
      offered.push(task.routine);
      if (batch++ > 0) return;
      queueMicrotask(() => {
        batches.push(batch);
        batch = 0;
      });
    },
  });
  return { putOff, offered, batches };
}

/** As whoever settles it does. */
function takeOut({ queue, node }: OutgoingTask): void {
  if (node !== undefined) queue?.remove(node);
}

describe("PutOffTasks", () => {
  test("offers every task once, in order, a few at a time", async () => {
    const { putOff, offered, batches } = usePutOff();
    const names = Array.from({ length: 40 }, (_, n) => `${n}`);
    for (const name of names) putOff.add(stubTask(name), 1);

    await eventually(() => offered.length === names.length);

    assert.deepEqual(offered, names);
    assert.deepEqual(batches, [16, 16, 8]);
    assert.equal(putOff.size, 0);
  });

  test("offers more at a time where more may have ended meanwhile", async () => {
    const { putOff, offered, batches } = usePutOff(20);
    for (let n = 0; n < 50; n++) putOff.add(stubTask(`${n}`), 1);

    await eventually(() => offered.length === 50);

    assert.deepEqual(batches, [40, 10]);
  });

  test("takes no worker at its word that wishes for a long pause", async () => {
    const { putOff, offered } = usePutOff();

    putOff.add(stubTask("a"), Number.MAX_SAFE_INTEGER);

    await eventually(() => offered.length === 1);
  });

  test("offers at once what wishes for a short pause, though another has wished for a longer one", async () => {
    const { putOff, offered } = usePutOff();
    putOff.add(stubTask("patient"), 1_000);

    putOff.add(stubTask("hasty"), 1);
    const startMs = performance.now();
    await eventually(() => offered.length === 2);

    assert.ok(performance.now() - startMs < 900);
  });

  test("lets go of a task that is taken out of its queue, and does not offer one that has settled", async () => {
    const { putOff, offered } = usePutOff();
    const [gone, settled, kept] = ["gone", "settled", "kept"].map((name) => stubTask(name));
    assert.ok(gone !== undefined && settled !== undefined && kept !== undefined);
    for (const task of [gone, settled, kept]) putOff.add(task, 1);

    takeOut(gone);
    Object.assign(settled, { settled: true });
    assert.equal(putOff.size, 2);

    await eventually(() => offered.length > 0);
    assert.deepEqual(offered, ["kept"]);
    assert.equal(putOff.size, 0);
  });
});
