/** What every balancer must show, whatever its policy. Run by a few lines per balancer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BalancedTask, Balancer, Candidate } from "../../src/balancer/balancer.ts";
import { balancerFromDescriptor } from "../../src/balancer/balancer-from-descriptor.ts";
import { candidate } from "../support/candidate.ts";

const TASK: BalancedTask = { routine: "app/jobs.ts#add", tag: undefined, nested: false };

type Outcome = "failed" | "gone";

/** Drives one call in which nobody accepts. Returns the uids named, in order. */
async function tryAll(balancer: Balancer, view: readonly Candidate[], outcome: (uid: string) => Outcome) {
  const named: string[] = [];
  const offers = balancer.delegate(TASK, view);
  let offer = await offers.next();
  while (!offer.done) {
    named.push(offer.value);
    offer = await (outcome(offer.value) === "gone" ? offers.next() : offers.throw(new Error("refused")));
  }
  return named;
}

const views = fc
  .uniqueArray(
    fc.record({ uid: fc.string({ minLength: 1, maxLength: 3 }), inFlight: fc.nat(4), room: fc.boolean() }),
    {
      selector: ({ uid }) => uid,
      maxLength: 8,
    },
  )
  .map((entries) => entries.map(({ uid, ...state }) => candidate(uid, state)));

/**
 * Registers the contract's tests.
 *
 * @param name What the tests call the balancer.
 * @param create Makes a fresh balancer.
 * @param turnCalls Calls in a row that `pick` gives to one among equals.
 */
export function balancerContract(name: string, create: () => Balancer, turnCalls = 1): void {
  test(`${name} ends at once when there is no candidate`, async () => {
    assert.deepEqual(await create().delegate(TASK, []).next(), { done: true, value: undefined });
    assert.equal(create().pick?.(TASK, []) ?? -1, -1);
  });

  test(`${name} ends after a worker accepted`, async () => {
    const offers = create().delegate(TASK, [candidate("a"), candidate("b")]);

    const first = await offers.next();
    assert.ok(!first.done);

    assert.deepEqual(await offers.next(first.value), { done: true, value: undefined });
  });

  test(`${name} ends when its driver returns early`, async () => {
    const offers = create().delegate(TASK, [candidate("a"), candidate("b")]);
    await offers.next();

    assert.equal((await offers.return()).done, true);
    assert.equal((await offers.next()).done, true);
  });

  test(`${name} names every candidate exactly once while nobody accepts`, async () => {
    await fc.assert(
      fc.asyncProperty(
        views,
        fc.array(fc.constantFrom<Outcome>("failed", "gone")),
        async (view, outcomes) => {
          let step = 0;

          const named = await tryAll(
            create(),
            view,
            () => outcomes[step++ % (outcomes.length || 1)] ?? "failed",
          );

          assert.deepEqual([...named].sort(), view.map(({ uid }) => uid).sort());
        },
      ),
    );
  });

  test(`${name} names candidates with room before those without`, async () => {
    await fc.assert(
      fc.asyncProperty(views, async (view) => {
        const named = await tryAll(create(), view, () => "failed");

        const rooms = named.map((uid) => view.find((entry) => entry.uid === uid)?.room);
        assert.deepEqual(
          rooms,
          [...rooms].sort((a, b) => Number(b) - Number(a)),
        );
      }),
    );
  });

  test(`${name} names every member once per call, also when calls interleave`, async () => {
    const scenario = fc.record({
      view: views,
      calls: fc.integer({ min: 1, max: 4 }),
      turns: fc.array(fc.nat(), { minLength: 40, maxLength: 80 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ view, calls, turns }) => {
        const balancer = create();
        const drivers = Array.from({ length: calls }, () => ({
          offers: balancer.delegate(TASK, view),
          named: [] as string[],
        }));
        const open = new Set(drivers);
        for (let turn = 0; open.size > 0; turn++) {
          const driver = [...open][(turns[turn % turns.length] ?? 0) % open.size];
          assert.ok(driver);
          const offer = await (driver.named.length === 0
            ? driver.offers.next()
            : driver.offers.throw(new Error("refused")));
          if (offer.done) open.delete(driver);
          else driver.named.push(offer.value);
          assert.ok(turn < 1_000);
        }
        for (const { named } of drivers) {
          assert.deepEqual([...named].sort(), view.map(({ uid }) => uid).sort());
        }
      }),
    );
  });

  test(`${name} follows members that come and go while it is asked`, async () => {
    const view = [candidate("a"), candidate("b"), candidate("c")];
    const offers = create().delegate(TASK, view);
    const named: string[] = [];

    let offer = await offers.next();
    assert.ok(!offer.done);
    named.push(offer.value);
    const left = view.findIndex(({ uid }) => !named.includes(uid));
    const [gone] = view.splice(left, 1);
    view.push(candidate("d"));
    for (offer = await offers.next(); !offer.done; offer = await offers.next()) {
      assert.ok(view.some(({ uid }) => uid === offer.value));
      named.push(offer.value);
    }

    assert.deepEqual(
      named.sort(),
      ["a", "b", "c", "d"].filter((uid) => uid !== gone?.uid),
    );
  });

  test(`${name} picks only a candidate with room, and one whenever there is one`, () => {
    const balancer = create();
    if (balancer.pick === undefined) return;
    fc.assert(
      fc.property(views, (view) => {
        const index = balancer.pick?.(TASK, view);

        assert.ok(index !== undefined);
        if (view.some(({ room }) => room)) assert.equal(view[index]?.room, true);
        else assert.equal(index, -1);
      }),
    );
  });

  test(`${name} gives equal workers equal numbers of calls`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20 }), (size, rounds) => {
        const balancer = create();
        const view = Array.from({ length: size }, (_, n) => candidate(`w${n}`));
        const taken = new Map<number | undefined, number>();

        for (let call = 0; call < turnCalls * size * rounds; call++) {
          const index = balancer.pick?.(TASK, view);
          taken.set(index, (taken.get(index) ?? 0) + 1);
        }

        assert.deepEqual([...taken.values()], new Array(size).fill(turnCalls * rounds));
      }),
    );
  });

  test(`${name} is rebuilt from its descriptor, and is the default policy there without one`, () => {
    const { descriptor } = create();

    assert.deepEqual(balancerFromDescriptor(descriptor).descriptor, descriptor ?? { kind: "least-busy" });
  });
}
