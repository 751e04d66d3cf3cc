import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RecycleTurns } from "../../../../src/process/recycle/recycle-turns.ts";

function useTurns(total: number, serving = total) {
  const workers = { total, serving };
  const begun: string[] = [];
  const turns = new RecycleTurns(() => workers);
  return {
    workers,
    begun,
    turns,
    request: (...uids: readonly string[]) => {
      for (const uid of uids) turns.request(uid, () => void begun.push(uid));
    },
  };
}

test("RecycleTurns gives one turn in a pool of one to three, first come, first served", () => {
  for (const size of [1, 2, 3]) {
    const { turns, begun, request } = useTurns(size);

    request("a", "b", "c");
    assert.deepEqual(begun, ["a"], `of ${size}`);
    turns.done("a");
    assert.deepEqual(begun, ["a", "b"], `of ${size}`);
  }
});

test("RecycleTurns gives further turns only while half of the workers are left", () => {
  const { begun, request, workers, turns } = useTurns(8);

  request("a", "b", "c", "d", "e", "f");
  assert.deepEqual(begun, ["a", "b", "c", "d"]);

  turns.done("a");
  workers.serving = 7;
  turns.done("b");
  assert.deepEqual(begun, ["a", "b", "c", "d", "e"], "one does not serve");
});

test("RecycleTurns gives none twice, and forgets who has gone", () => {
  const { turns, begun, request } = useTurns(2);

  request("a", "a", "b", "c");
  turns.done("b");
  turns.done("a");
  turns.done("a");

  assert.deepEqual(begun, ["a", "c"]);
  turns.clear();
  assert.equal(turns.active.size, 0);
});

test("RecycleTurns has never more than one turn, but with half of the workers beside them, and nobody waits for ever", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.tuple(fc.nat(19), fc.boolean(), fc.nat(20)), { maxLength: 60 }),
      (total, steps) => {
        const { turns, begun, request, workers } = useTurns(total);
        const asked = new Set<string>();
        for (const [number, isDone, serving] of steps) {
          workers.serving = Math.max(turns.active.size, Math.min(serving, total));
          const uid = `w${number}`;
          const before = turns.active.size;
          if (isDone) turns.done(uid);
          else {
            request(uid);
            asked.add(uid);
          }
          const { size } = turns.active;
          if (size > Math.max(1, before)) assert.ok(2 * (workers.serving - size) >= total);
        }
        workers.serving = total;
        for (let left = 0; left < 100 && turns.active.size > 0; left += 1)
          turns.done([...turns.active][0] ?? "");
        assert.equal(turns.active.size, 0);
        assert.ok(begun.length >= (asked.size > 0 ? 1 : 0));
      },
    ),
  );
});
