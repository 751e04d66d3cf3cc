import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ReadyMember, ReadyMembers } from "../../../../src/client/members/ready-members.ts";

/** A member whose room the test decides: for calls of up to so many microseconds. */
class Stub implements ReadyMember {
  readonly uid: string;
  place = -1;
  level = 0;
  inFlight = 0;
  roomUs = Number.POSITIVE_INFINITY;

  constructor(uid: string) {
    this.uid = uid;
  }

  hasRoom(expectedUs: number | undefined, _large?: boolean): boolean {
    return (expectedUs ?? Number.POSITIVE_INFINITY) <= this.roomUs;
  }
}

function useReady(size: number) {
  const ready = new ReadyMembers<Stub>();
  const stubs = Array.from({ length: size }, (_, n) => new Stub(`w${n}`));
  for (const stub of stubs) ready.join(stub);
  return { ready, stubs };
}

function call(us: number | undefined, nested = false) {
  return { nested, estimate: { us }, roomUs: us };
}

/** What a walk through the list would find. */
function walk(view: readonly Stub[], start: number, fits: (stub: Stub) => boolean, least: boolean): number {
  let best = -1;
  let fewest = Number.POSITIVE_INFINITY;
  for (let seen = 0; seen < view.length; seen++) {
    const index = ((start < view.length ? start : 0) + seen) % view.length;
    const stub = view[index];
    if (stub === undefined || !fits(stub) || stub.inFlight >= fewest) continue;
    best = index;
    fewest = least ? stub.inFlight : -1;
  }
  return best;
}

describe("ReadyMembers", () => {
  test("keeps no index of a few, and one of many", () => {
    assert.equal(useReady(2).ready.index, undefined);
    assert.notEqual(useReady(100).ready.index, undefined);
  });

  test("replaces its list and never changes one", () => {
    const { ready, stubs } = useReady(3);
    const before = ready.view;

    ready.leave(stubs[0] ?? assert.fail());
    ready.join(new Stub("late"));

    assert.deepEqual(
      before.map(({ uid }) => uid),
      ["w0", "w1", "w2"],
    );
    assert.deepEqual(
      ready.view.map(({ uid, place }) => `${uid} ${place}`),
      ["w1 0", "w2 1", "late 2"],
    );
  });

  test("joins and leaves once, however often it is told", () => {
    const { ready, stubs } = useReady(1);
    const [stub] = stubs;
    assert.ok(stub !== undefined);

    ready.join(stub);
    assert.equal(ready.view.length, 1);
    ready.leave(stub);
    ready.leave(stub);

    assert.equal(ready.view.length, 0);
    assert.equal(stub.place, -1);
  });

  test("finds what a walk would find, whatever happens to loads, rooms and members", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("load" as const), who: fc.nat(), by: fc.constantFrom(-1, 1, 1, 2, 150) }),
      fc.record({ do: fc.constant("room" as const), who: fc.nat(), us: fc.constantFrom(0, 5, 100, 1e9) }),
      fc.record({ do: fc.constant("leave" as const), who: fc.nat() }),
      fc.record({ do: fc.constant("join" as const) }),
      fc.record({
        do: fc.constant("ask" as const),
        us: fc.constantFrom(undefined, 1, 5, 100, 5_000),
        nested: fc.boolean(),
        start: fc.nat(80),
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 17, max: 70 }), fc.array(step, { maxLength: 120 }), (size, steps) => {
        const { ready, stubs } = useReady(size);
        const ask = (us: number | undefined, nested: boolean, start: number): void => {
          const { index, view } = ready;
          if (index === undefined) return;
          ready.placing(call(us, nested));
          // Expected times are rounded up: 5 000 counts as unknown, the others here are kept.
          const asked = us === 5_000 ? undefined : us === 100 ? 104 : us;
          const fits = (stub: Stub): boolean => nested || stub.hasRoom(asked);
          assert.equal(index.leastBusy(start), walk(view, start, fits, true));
          assert.equal(index.next(start), walk(view, start, fits, false));
        };
        let late = 0;
        for (const each of steps) {
          const who = "who" in each ? stubs[each.who % stubs.length] : undefined;
          switch (each.do) {
            case "load":
              if (who === undefined) break;
              who.inFlight = Math.max(0, who.inFlight + each.by);
              ready.moved(who);
              break;
            case "room":
              if (who === undefined) break;
              who.roomUs = each.us;
              ready.eased(who);
              break;
            case "leave":
              if (who !== undefined) ready.leave(who);
              break;
            case "join": {
              const stub = new Stub(`late-${late++}`);
              stubs.push(stub);
              ready.join(stub);
              break;
            }
            case "ask":
              ask(each.us, each.nested, each.start);
              break;
          }
        }
        for (const us of [undefined, 5, 1]) ask(us, false, 3);
        for (const [place, stub] of ready.view.entries()) assert.equal(ready.indexOf(stub.uid), place);
      }),
      { numRuns: 300 },
    );
  });

  test("finds a member for small calls that has no room for large ones", () => {
    const { ready, stubs } = useReady(40);
    for (const stub of stubs) stub.hasRoom = (_us, large) => large !== true;

    ready.placing({ ...call(10), large: true });
    const large = ready.index?.leastBusy(0);
    ready.placing(call(10));

    assert.equal(large, -1);
    assert.equal(ready.index?.leastBusy(0), 0);
  });

  test("asks the members without room once, and again only those that have been eased", () => {
    const { ready, stubs } = useReady(1_000);
    let asked = 0;
    for (const stub of stubs) {
      stub.hasRoom = () => {
        asked += 1;
        return stub.roomUs > 0;
      };
      stub.roomUs = 0;
    }

    for (let n = 0; n < 50; n++) {
      ready.placing(call(10));
      assert.equal(ready.index?.leastBusy(n), -1);
    }
    assert.equal(asked, 1_000);
    const free = stubs[700] ?? assert.fail();
    free.roomUs = 1e9;
    ready.eased(free);

    assert.equal(ready.index?.leastBusy(0), 700);
    assert.equal(ready.index?.next(0), 700);
    assert.equal(asked, 1_002);
  });
});
