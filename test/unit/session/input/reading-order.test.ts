/** Which connection is next, and what it takes to find out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FairClock, Standing } from "../../../../src/internal/fair-clock.ts";
import { ReadingOrder } from "../../../../src/session/input/reading-order.ts";

interface Reader {
  readonly name: string;
  readonly standing: Standing;
}

/** Counts how often somebody looks where it stands. */
class LookedAt extends Standing {
  static looks = 0;

  override get afterMs(): number {
    LookedAt.looks += 1;
    return super.afterMs;
  }
}

test("ReadingOrder finds the next of two thousand connections by looking at few of them", () => {
  const order = new ReadingOrder<Reader>();
  const clock = new FairClock();
  for (let n = 0; n < 2_000; n++) order.add({ name: `${n}`, standing: new LookedAt() });
  const turns = 6_000;
  LookedAt.looks = 0;

  for (let turn = 0; turn < turns; turn++) {
    const next = order.shift() as Reader;
    clock.begin(next.standing);
    clock.charge(next.standing, 0.25 + (turn % 7) / 10);
    order.moved(next.standing);
    order.add(next);
  }

  const each = LookedAt.looks / turns;
  assert.ok(each < 120, `${each} looks for each turn`);
});

test("ReadingOrder gives the turn to the peer that will have taken the least time, and its connections take turns", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(4), fc.nat(3), fc.constantFrom("add", "shift", "delete", "charge")), {
        maxLength: 80,
      }),
      (steps) => {
        const standings = Array.from({ length: 5 }, () => new Standing());
        const readers = standings.map((standing, peer) =>
          Array.from({ length: 4 }, (_, n): Reader => ({ name: `${peer}.${n}`, standing })),
        );
        const order = new ReadingOrder<Reader>();
        const waiting = new Set<Reader>();
        for (const [peer, n, step] of steps) {
          const reader = readers[peer]?.[n] as Reader;
          if (step === "add" && !waiting.has(reader)) {
            order.add(reader);
            waiting.add(reader);
          } else if (step === "delete") {
            order.delete(reader);
            waiting.delete(reader);
          } else if (step === "charge") {
            reader.standing.turnMs = n + 1;
            reader.standing.takenMs += n + 1;
            order.moved(reader.standing);
          } else if (step === "shift") {
            const next = order.shift();
            const least = Math.min(...[...waiting].map(({ standing }) => standing.afterMs));
            const ofPeer = [...waiting].find(({ standing }) => standing === next?.standing);
            assert.equal(next?.standing.afterMs, waiting.size === 0 ? undefined : least);
            assert.equal(next, ofPeer);
            if (next !== undefined) waiting.delete(next);
          }
          assert.equal(order.empty, waiting.size === 0);
          assert.equal(order.first === undefined, waiting.size === 0);
        }
      },
    ),
  );
});

test("ReadingOrder puts whoever has had a turn behind those that stand where it does", () => {
  const order = new ReadingOrder<Reader>();
  const [one, other] = [new Standing(), new Standing()];
  for (const name of ["a", "b"]) order.add({ name, standing: one });
  order.add({ name: "c", standing: other });

  const first = order.shift();
  order.moved(one);

  assert.equal(first?.name, "a");
  assert.deepEqual([order.shift()?.name, order.shift()?.name, order.shift()], ["c", "b", undefined]);
});
