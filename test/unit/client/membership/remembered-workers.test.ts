/** Who waits for a place, and who gives way when too many do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RememberedWorkers } from "../../../../src/client/membership/remembered-workers.ts";
import type { WorkerMetadata } from "../../../../src/wire/worker-metadata.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const FULL = 10_000;
const failed = { attempt: 1, error: new Error("nobody is there"), dueMs: 0 };

function worker(uid: string | number, address = `${uid}:1`): WorkerMetadata {
  return workerMetadata({ uid: String(uid), address });
}

test("those that were not reached give way to newcomers when too many wait, the one tried first at first", () => {
  const remembered = new RememberedWorkers();
  for (let n = 0; n < FULL; n += 1) remembered.addLast(worker(n), n === 7 || n === 9 ? failed : undefined);

  remembered.addLast(worker("dead"), failed);
  assert.equal(remembered.has("dead"), false, "one that was not reached either takes no place");
  remembered.addLast(worker("new"));
  assert.deepEqual([remembered.has("7"), remembered.has("9"), remembered.has("new")], [false, true, true]);
  remembered.refresh(worker(9, "moved:1"));
  remembered.addLast(worker("too many"));

  assert.equal(remembered.has("9"), true, "it has moved, and counts as not tried");
  assert.equal(remembered.has("too many"), false);
  assert.equal(remembered.size, FULL);
  assert.equal(remembered.refusals(1).length, 1024);
});

test("a newcomer is the first to be tried among any number of others that were not reached", () => {
  const remembered = new RememberedWorkers();
  for (let n = 0; n < 2 * FULL; n += 1) remembered.addLast(worker(n), failed);
  assert.equal(remembered.takeUntried(), undefined);

  remembered.addLast(worker("live"));
  remembered.addReturning(worker("former"));

  assert.equal(remembered.takeInstead(failed)?.worker.uid, "former");
  assert.equal(remembered.take()?.worker.uid, "live");
  assert.equal(remembered.takeUntried(), undefined);
  assert.equal(remembered.take()?.worker.uid, "1");
  assert.equal(remembered.size, FULL - 2);
});
