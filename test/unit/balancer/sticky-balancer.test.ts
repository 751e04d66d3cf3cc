import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { BalancedTask, CandidateIndex } from "../../../src/balancer/balancer.ts";
import { StickyBalancer } from "../../../src/balancer/sticky-balancer.ts";
import { candidate } from "../../support/candidate.ts";

function tagged(tag: string): BalancedTask {
  return { routine: "app/jobs.ts#add", tag, nested: false };
}

const uids = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 12 });
const tags = fc.array(fc.string({ maxLength: 12 }), { minLength: 1, maxLength: 40 });
const NO_INDEX: CandidateIndex = { leastBusy: () => -1, next: () => -1, indexOf: () => -1 };

describe("StickyBalancer", () => {
  test("chooses one worker for a tag, whoever asks and in whatever order the workers stand", () => {
    fc.assert(
      fc.property(uids, tags, (names, asked) => {
        const view = names.map((uid) => candidate(uid));
        const turned = [...view].reverse();
        for (const tag of asked) {
          const here = view[new StickyBalancer().pick(tagged(tag), view)];
          const there = turned[new StickyBalancer().pick(tagged(tag), turned)];

          assert.ok(here !== undefined);
          assert.equal(here, there);
        }
      }),
    );
  });

  test("moves only the tags of a worker that leaves", () => {
    fc.assert(
      fc.property(uids, tags, fc.nat(), (names, asked, which) => {
        const balancer = new StickyBalancer();
        const view = names.map((uid) => candidate(uid));
        const gone = view[which % view.length];
        const left = view.filter((entry) => entry !== gone);
        for (const tag of asked) {
          const before = view[balancer.pick(tagged(tag), view)];
          const after = left[balancer.pick(tagged(tag), left)];

          if (before !== gone) assert.equal(after, before);
          else assert.equal(after === undefined, left.length === 0);
        }
      }),
    );
  });

  test("spreads tags over similar names", () => {
    const balancer = new StickyBalancer();
    const view = Array.from({ length: 8 }, (_, n) => candidate(`worker-${n}`));
    const counts = new Array<number>(8).fill(0);

    for (let n = 0; n < 8_000; n++) {
      const index = balancer.pick(tagged(`customer-${n}`), view);
      counts[index] = (counts[index] ?? 0) + 1;
    }

    // Eight shares of a thousand, off by less than a fifth.
    for (const count of counts) assert.ok(count > 800 && count < 1_200, String(counts));
  });

  test("names the tag's worker also while it has no room", () => {
    const view = [candidate("a"), candidate("b"), candidate("c")];
    const balancer = new StickyBalancer();
    const index = balancer.pick(tagged("x"), view);
    const chosen = view[index];
    assert.ok(chosen !== undefined);

    chosen.room = false;
    chosen.inFlight = 50;

    assert.equal(balancer.pick(tagged("x"), view), index);
  });

  test("goes on to the worker that the tag belongs to without those that failed", () => {
    const view = Array.from({ length: 5 }, (_, n) => candidate(`w${n}`));
    const balancer = new StickyBalancer();
    const named: string[] = [];
    const offers = balancer.delegate(tagged("x"), view);

    for (let offer = offers.next(); !offer.done; offer = offers.throw(new Error("refused"))) {
      named.push(offer.value);
    }

    const expected: (string | undefined)[] = [];
    for (let left = view; left.length > 0; ) {
      const next = left[balancer.pick(tagged("x"), left)];
      expected.push(next?.uid);
      left = left.filter((entry) => entry !== next);
    }
    assert.deepEqual(named, expected);
  });

  test("remembers its choices for one view, and asks anew of another", () => {
    let reads = 0;
    const counted = (uid: string) => {
      const entry = candidate(uid);
      return Object.defineProperty(entry, "uid", {
        get: () => {
          reads += 1;
          return uid;
        },
      });
    };
    const view = ["a", "b", "c"].map(counted);
    const balancer = new StickyBalancer();

    const first = balancer.pick(tagged("x"), view, NO_INDEX);
    const readsOnce = reads;
    assert.equal(balancer.pick(tagged("x"), view, NO_INDEX), first);
    assert.equal(reads, readsOnce);
    const smaller = view.filter((_, index) => index !== first);
    const next = balancer.pick(tagged("x"), smaller, NO_INDEX);

    assert.ok(next >= 0 && next < smaller.length);
    assert.ok(reads > readsOnce);
  });
});
