import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { Membership } from "../../../../src/client/members/membership.ts";
import type { DiscoveryEvent } from "../../../../src/discovery/discovery.ts";
import type { BackoffPolicy } from "../../../../src/internal/time/backoff.ts";
import type { WorkerMetadata } from "../../../../src/wire/worker-metadata.ts";
import { eventually } from "../../../support/eventually.ts";
import { type MemoryCarrier, memoryPair } from "../../../support/memory-pair.ts";
import { batchOf, helloWith } from "../../../support/protocol-peers.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

/** What a test's peer says when it is connected to; a worker that says nothing never answers. */
type Greeting = (peer: MemoryCarrier, uid: string) => void;

interface Wish {
  readonly capacity?: number | undefined;
  readonly reserved?: number;
  /** Makes connections. Default: they never come about. */
  readonly greet?: Greeting;
  readonly coolDown?: BackoffPolicy;
}

/** A membership whose workers do as the test says, and whose evicted ones sit out 10 ms, then longer. */
function useMembership(options: Wish = {}) {
  const connected: string[] = [];
  const carriers: MemoryCarrier[] = [];
  const latest = new Map<string, MemoryCarrier>();
  const unreachable: string[] = [];
  let changes = 0;
  const membership: Membership = new Membership({
    rules: { version: "1.0.0", secure: false, hostId: "h", filter: (worker) => !worker.tags.includes("bad") },
    capacity: options.capacity,
    reserved: options.reserved ?? 0,
    quorum: 1,
    connect: async (worker) => {
      connected.push(worker.address);
      const { greet } = options;
      if (greet === undefined) return new Promise(() => {});
      const { client, server } = memoryPair();
      carriers.push(client);
      latest.set(worker.uid, client);
      server.events = { batch() {}, drain() {}, closed() {} };
      greet(server, worker.uid);
      return client;
    },
    hello: () => helloWith({ uid: "client", version: "1.0.0" }),
    connectTimeoutMs: 60_000,
    preferred: ({ tags }) => tags.includes("ours"),
    coolDown: options.coolDown ?? { baseMs: 10, factor: 2, maxMs: 60_000, jitter: 0 },
    events: { ready() {}, unreachable: (member) => unreachable.push(member.uid) },
  });
  membership.ready.waiter = {
    drain: () => {
      changes += 1;
    },
  };
  return {
    membership,
    connected,
    unreachable,
    ready: () => membership.ready.view.map((member) => member.uid),
    carrier: (index: number): MemoryCarrier => carriers[index] ?? assert.fail("no such connection"),
    /** Ends the latest connection to a worker, if it is in use. */
    cut(uid: string) {
      const carrier = latest.get(uid);
      if (carrier?.events !== undefined) carrier.cut();
    },
    changes: () => changes,
    uids: () => membership.members.map((member) => member.uid),
    refused: () => membership.refusals().map(({ uid, reason }) => `${uid} ${reason}`),
    see: (type: DiscoveryEvent["type"], uid: string, record: Partial<WorkerMetadata> = {}) =>
      membership.observe({ type, worker: worker(uid, record) }),
    [Symbol.dispose]: () => membership.close(),
  };
}

function worker(uid: string, record: Partial<WorkerMetadata> = {}): WorkerMetadata {
  return workerMetadata({ uid, version: "1.0.0", address: `${uid}:1`, ...record });
}

/** A Hello of a worker of version 1. */
function greetAs(
  fields: { readonly uid?: string; readonly version?: string; readonly codecs?: readonly string[] } = {},
): Greeting {
  return (peer, uid) =>
    peer.inject(batchOf((writer) => writer.hello(helloWith({ uid, version: "1.0.0", ...fields }))));
}

describe("Membership", () => {
  test("holds a worker once, however often it is added", () => {
    using held = useMembership();

    held.see("worker-added", "a");
    held.see("worker-added", "a");
    held.see("worker-updated", "a");

    assert.deepEqual(held.uids(), ["a"]);
    assert.deepEqual(held.connected, ["a:1"]);
  });

  test("remembers workers beyond its capacity, and gives a freed place to the oldest of them", () => {
    using held = useMembership({ capacity: 1 });
    for (const uid of ["a", "b", "c"]) held.see("worker-added", uid);
    assert.deepEqual(held.uids(), ["a"]);
    assert.deepEqual(held.refused(), ["b capacity", "c capacity"]);

    held.see("worker-dropped", "a");

    assert.deepEqual(held.uids(), ["b"]);
    assert.deepEqual(held.refused(), ["c capacity"]);
  });

  test("forgets a remembered worker that is dropped, and refreshes one that is updated", () => {
    using held = useMembership({ capacity: 1 });
    for (const uid of ["a", "b", "c"]) held.see("worker-added", uid);

    held.see("worker-dropped", "b");
    held.see("worker-updated", "c", { address: "c:2" });
    held.see("worker-dropped", "a");

    assert.deepEqual(held.uids(), ["c"]);
    assert.equal(held.membership.get("c")?.metadata.address, "c:2");
  });

  test("updates a held worker past the cap, and connects again only where it moved", () => {
    using held = useMembership({ capacity: 1 });
    held.see("worker-added", "a");

    held.see("worker-updated", "a", { tags: ["new"] });
    assert.deepEqual(held.connected, ["a:1"]);
    held.see("worker-updated", "a", { address: "a:2" });

    assert.deepEqual(held.connected, ["a:1", "a:2"]);
    assert.deepEqual(held.uids(), ["a"]);
  });

  test("drops an update of a worker never seen silently", () => {
    using held = useMembership();

    held.see("worker-updated", "a");

    assert.deepEqual(held.uids(), []);
    assert.deepEqual(held.refused(), []);
  });

  test("evicts a held worker whose update makes it inadmissible, and takes it back first once its record fits", () => {
    using held = useMembership({ capacity: 1 });
    for (const uid of ["a", "b", "c"]) held.see("worker-added", uid);

    held.see("worker-updated", "a", { tags: ["bad"] });
    assert.deepEqual(held.uids(), ["b"]);
    assert.deepEqual(held.refused(), ["a filter", "c capacity"]);
    held.see("worker-updated", "a");
    assert.deepEqual(held.refused(), ["a capacity", "c capacity"]);
    held.see("worker-dropped", "b");

    assert.deepEqual(held.uids(), ["a"]);
    assert.deepEqual(held.refused(), ["c capacity"]);
  });

  for (const record of [{ version: "2.0.0" }, { codecs: ["pickle"] }, { secure: true }, { tags: ["bad"] }]) {
    test(`evicts a held worker whose update says ${JSON.stringify(record)}`, () => {
      using held = useMembership();
      held.see("worker-added", "a");

      held.see("worker-updated", "a", record);

      assert.deepEqual(held.uids(), []);
      assert.equal(held.refused().length, 1);
    });
  }

  test("never admits by an update a worker that was refused by a rule when it was added", () => {
    using held = useMembership();
    held.see("worker-added", "a", { tags: ["bad"] });

    held.see("worker-updated", "a");
    assert.deepEqual(held.uids(), []);
    held.see("worker-added", "a");

    assert.deepEqual(held.uids(), ["a"]);
    assert.deepEqual(held.refused(), []);
  });

  test("never admits by an update a worker that was refused by the cap, though its record is refreshed", () => {
    using held = useMembership({ capacity: 2 });
    for (const uid of ["a", "b", "c"]) held.see("worker-added", uid);

    held.see("worker-updated", "c", { address: "c:2" });
    assert.deepEqual(held.uids(), ["a", "b"]);
    held.see("worker-dropped", "a");

    assert.deepEqual(held.uids(), ["b", "c"]);
    assert.equal(held.membership.get("c")?.metadata.address, "c:2");
  });

  test("forgets what waits for a place once its record speaks against it", () => {
    using held = useMembership({ capacity: 1 });
    held.see("worker-added", "a");
    held.see("worker-added", "b");

    held.see("worker-updated", "b", { version: "2.0.0" });
    held.see("worker-updated", "b");
    held.see("worker-dropped", "a");

    assert.deepEqual(held.uids(), []);
    assert.deepEqual(held.refused(), ["b version"]);
  });

  test("holds two of three with a capacity of two, and all three without one", () => {
    for (const [capacity, expected] of [
      [2, ["a", "b"]],
      [undefined, ["a", "b", "c"]],
    ] as const) {
      using held = useMembership({ capacity });

      for (const uid of ["a", "b", "c"]) held.see("worker-added", uid);

      assert.deepEqual(held.uids(), expected);
    }
  });

  test("gives a freed place to the next added when nobody waits for it", () => {
    using held = useMembership({ capacity: 1 });
    held.see("worker-added", "a");

    held.see("worker-dropped", "a");
    held.see("worker-added", "b");

    assert.deepEqual(held.uids(), ["b"]);
  });

  test("does not take up a worker of its own that has gone when discovery still tells of it", () => {
    using held = useMembership({ capacity: 2, reserved: 1 });
    held.membership.adopt(worker("own"));
    held.membership.release("own");

    held.see("worker-added", "own");

    assert.deepEqual(held.uids(), []);
  });

  test("has the youngest make way for a preferred worker, and gives it the next place", () => {
    using held = useMembership({ capacity: 2 });
    for (const uid of ["a", "b", "c"]) held.see("worker-added", uid);

    held.see("worker-added", "ours 1", { tags: ["ours"] });
    assert.deepEqual(held.uids(), ["a", "ours 1"]);
    held.see("worker-added", "ours 2", { tags: ["ours"] });
    held.see("worker-added", "ours 3", { tags: ["ours"] });
    assert.deepEqual(held.uids(), ["ours 1", "ours 2"]);
    assert.deepEqual(held.refused(), ["b capacity", "a capacity", "c capacity", "ours 3 capacity"]);
    held.see("worker-dropped", "ours 1");

    assert.deepEqual(held.uids(), ["ours 2", "b"]);
  });

  test("offers a member for calls only while it is connected", async () => {
    using held = useMembership({ greet: greetAs() });
    held.see("worker-added", "a");
    assert.deepEqual(held.ready(), []);
    await eventually(() => held.ready().length === 1);

    held.carrier(0).cut();

    assert.deepEqual(held.ready(), []);
    assert.deepEqual(held.uids(), ["a"]);
    assert.deepEqual(held.unreachable, ["a"]);
    await eventually(() => held.ready().length === 1);
    assert.deepEqual(held.connected, ["a:1", "a:1"]);
  });

  test("keeps a member that is another worker than its record says, backing off", async () => {
    using held = useMembership({ greet: greetAs({ uid: "somebody" }) });

    held.see("worker-added", "a");

    await eventually(() => held.unreachable.length > 0);
    assert.deepEqual(held.uids(), ["a"]);
    assert.deepEqual(held.ready(), []);
  });

  for (const [what, greet, reason] of [
    ["another major", greetAs({ version: "2.0.0" }), "a version"],
    ["no codec of ours", greetAs({ codecs: ["pickle"] }), "a codec"],
    ["what is no protocol", (peer: MemoryCarrier) => peer.inject(Uint8Array.of(1, 2, 3)), "a evicted"],
  ] as const) {
    test(`evicts a member whose connection begins with ${what}, and asks it again after a growing cool-down`, async () => {
      using held = useMembership({ capacity: 1, greet });
      held.see("worker-added", "a");
      held.see("worker-added", "b", { tags: ["bad"] });

      await eventually(() => held.refused().includes(reason));

      assert.deepEqual(held.uids(), []);
      const startMs = performance.now();
      await eventually(() => held.connected.length >= 4);
      // 10, 20 and 40 ms, at the least.
      assert.ok(performance.now() - startMs >= 40);
      assert.deepEqual(held.uids(), []);
    });
  }

  test("takes an evicted worker back that fits when it is asked again, before any newcomer", async () => {
    let version = "2.0.0";
    using held = useMembership({
      capacity: 1,
      greet: (peer, uid) => greetAs({ version: uid === "a" ? version : "1.0.0" })(peer, uid),
    });
    held.see("worker-added", "a");
    await eventually(() => held.refused().includes("a version"));
    held.see("worker-added", "b");
    held.see("worker-added", "c");
    assert.deepEqual(held.uids(), ["b"]);

    version = "1.0.0";
    await eventually(() => held.refused()[0] === "a capacity");
    held.see("worker-dropped", "b");

    await eventually(() => held.ready().includes("a"));
    assert.deepEqual(held.uids(), ["a"]);
    assert.deepEqual(held.refused(), ["c capacity"]);
  });

  test("takes an evicted worker of its own back to its own place", async () => {
    let version = "2.0.0";
    using held = useMembership({
      capacity: 2,
      reserved: 1,
      greet: (peer, uid) => greetAs({ version: uid === "own" ? version : "1.0.0" })(peer, uid),
    });
    held.membership.adopt(worker("own"));
    await eventually(() => held.refused().includes("own version"));
    held.see("worker-added", "x");
    held.see("worker-added", "y");

    version = "1.0.0";

    await eventually(() => held.ready().includes("own"));
    assert.equal(held.membership.get("own")?.own, true);
    assert.deepEqual(held.uids(), ["x", "own"]);
  });

  test("evicts a member that breaks the protocol later on, and forgets it when it is dropped", async () => {
    using held = useMembership({ greet: greetAs() });
    held.see("worker-added", "a");
    await eventually(() => held.ready().length === 1);

    held.carrier(0).events?.batch(Uint8Array.of(1, 2, 3), 0, 3);

    assert.deepEqual(held.uids(), []);
    assert.deepEqual(held.refused(), ["a evicted"]);
    held.see("worker-dropped", "a");
    assert.deepEqual(held.refused(), []);
  });

  test("never admits a worker of another major, on any path", () => {
    using held = useMembership();

    for (const type of ["worker-added", "worker-updated"] as const) held.see(type, "a", { version: "2.0.0" });

    assert.deepEqual(held.uids(), []);
    assert.deepEqual(held.refused(), ["a version"]);
    assert.deepEqual(held.connected, []);
  });

  test("keeps the places of its own workers, also while one is being replaced", () => {
    using held = useMembership({ capacity: 2, reserved: 1 });
    held.see("worker-added", "stranger");
    held.see("worker-added", "other");
    held.membership.adopt(worker("own"));
    assert.deepEqual(held.uids(), ["stranger", "own"]);

    held.membership.release("own");
    assert.deepEqual(held.uids(), ["stranger"]);
    held.membership.adopt(worker("next"));

    assert.deepEqual(held.uids(), ["stranger", "next"]);
    assert.deepEqual(held.refused(), ["other capacity"]);
  });

  test("takes no notice of what discovery says about its own workers", () => {
    using held = useMembership({ capacity: 1, reserved: 1 });
    held.membership.adopt(worker("own"));

    held.see("worker-added", "own");
    held.see("worker-updated", "own", { tags: ["bad"] });
    held.see("worker-dropped", "own");

    assert.deepEqual(held.uids(), ["own"]);
    assert.deepEqual(held.refused(), []);
  });

  test("lets everybody go when it closes", () => {
    const held = useMembership({ capacity: 1 });
    held.see("worker-added", "a");
    held.see("worker-added", "b");

    held.membership.close();

    assert.deepEqual(held.uids(), []);
    assert.equal(held.membership.get("a"), undefined);
    assert.deepEqual(held.refused(), []);
  });

  test("takes nobody any more once it has closed, whatever was on its way", () => {
    const held = useMembership();
    held.membership.close();

    held.see("worker-added", "a");
    held.membership.adopt(worker("own"));

    assert.deepEqual(held.uids(), []);
    assert.deepEqual(held.connected, []);
  });

  test("gives away the place of a stranger that turns out to be a worker of its own", () => {
    using held = useMembership({ capacity: 2, reserved: 1 });
    held.see("worker-added", "own");
    held.see("worker-added", "stranger");

    held.membership.adopt(worker("own"));

    assert.deepEqual(held.uids(), ["own", "stranger"]);
    assert.deepEqual(held.refused(), []);
  });

  test("lets discovery have no say about a worker of its own that outlives very many others", () => {
    using held = useMembership({ capacity: 2, reserved: 2 });
    held.membership.adopt(worker("old"));
    for (let n = 0; n < 2_000; n++) {
      held.membership.adopt(worker(`short-lived-${n}`));
      held.membership.release(`short-lived-${n}`);
    }

    held.see("worker-dropped", "old");

    assert.deepEqual(held.uids(), ["old"]);
  });

  test("tells of every change", () => {
    using held = useMembership();
    held.see("worker-added", "a");
    const before = held.changes();

    held.see("worker-dropped", "a");

    assert.equal(held.changes(), before + 1);
  });

  test("agrees with a model of its rules under any stream of events", () => {
    const event = fc.record({
      type: fc.constantFrom("added", "updated", "dropped", "adopt", "release"),
      uid: fc.constantFrom("a", "b", "c", "d", "e"),
      record: fc.constantFrom<Partial<WorkerMetadata>>(
        {},
        {},
        {},
        { version: "1.9.0" },
        { version: "2.0.0" },
        { version: "unknown" },
        { codecs: ["pickle"] },
        { tags: ["bad"] },
        { secure: true },
      ),
    });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 80 }),
        fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
        (events, places) => {
          using held = useMembership({
            capacity: places === undefined ? undefined : places + 1,
            reserved: 1,
          });
          const model = new Model(places ?? Number.POSITIVE_INFINITY);
          let own: string | undefined;
          let spawned = 0;
          for (const { type, uid, record } of events) {
            if (type === "adopt") {
              if (own !== undefined) held.membership.release(own);
              own = `own-${spawned++}`;
              held.membership.adopt(worker(own));
            } else if (type === "release") {
              if (own !== undefined) held.membership.release(own);
              own = undefined;
            } else {
              held.see(`worker-${type}` as DiscoveryEvent["type"], uid, record);
              model[type](uid, fits(record));
            }
            const members = held.membership.members;
            assert.deepEqual(
              members.flatMap((member) => (member.own ? [] : [member.uid])),
              model.held,
            );
            assert.deepEqual(
              members.flatMap((member) => (member.own ? [member.uid] : [])),
              own === undefined ? [] : [own],
            );
            assert.deepEqual(
              held.refused().flatMap((line) => (line.endsWith(" capacity") ? [line.split(" ")[0]] : [])),
              [...model.returning, ...model.waiting],
            );
            for (const member of members) assert.equal(held.membership.get(member.uid), member);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("loses no worker for good, and holds no more than it may, however evictions, probes and events cross", async () => {
    const uid = fc.constantFrom("a", "b", "c", "d");
    const good = fc.constantFrom(true, true, true, false);
    const command = fc.oneof(
      fc.record({ what: fc.constantFrom("worker-added", "worker-updated"), uid, good }),
      fc.record({ what: fc.constant("worker-dropped"), uid, good }),
      fc.record({ what: fc.constantFrom("greets", "evict", "cut"), uid, good }),
      fc.record({ what: fc.constantFrom("adopt", "adopt seen", "release", "wait"), uid, good }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 10, maxLength: 40 }),
        fc.constantFrom(undefined, 1, 1, 2),
        async (commands, places: number = Number.POSITIVE_INFINITY) => {
          const compatible = new Map<string, boolean>();
          using held = useMembership({
            capacity: Number.isFinite(places) ? places + 1 : undefined,
            reserved: 1,
            coolDown: { baseMs: 1, factor: 1, maxMs: 1, jitter: 0 },
            greet: (peer, name) =>
              greetAs({ version: compatible.get(name) === false ? "2.0.0" : "1.0.0" })(peer, name),
          });
          const expected = new Expected();
          const owns = new Set<string>();
          let own: string | undefined;
          const check = (): void => {
            const members = held.membership.members;
            const strangers = members.filter((member) => !member.own).map((member) => member.uid);
            const refusals = held.membership.refusals();
            assert.ok(strangers.length <= places, `${strangers} are more than ${places}`);
            const known = [...held.uids(), ...refusals.map((refusal) => refusal.uid)];
            assert.equal(new Set(known).size, known.length, `${known} are in one place each`);
            const free = refusals.some(({ reason }) => reason === "capacity") && strangers.length < places;
            assert.ok(!free, "a place is free, and somebody waits for one");
            expected.note(strangers, refusals);
          };
          for (const { what, uid: name, good: fine } of commands) {
            if (what.startsWith("worker-")) {
              held.see(what as DiscoveryEvent["type"], name, fine ? {} : { tags: ["bad"] });
              if (!owns.has(name)) expected.see(what, name, fine);
            } else if (what === "greets") compatible.set(name, fine);
            else if (what === "evict") {
              const member = held.membership.get(fine ? name : (own ?? name));
              if (member !== undefined) held.membership.evict(member, "evicted", "so says the test");
            } else if (what === "cut") held.cut(name);
            else if (what === "wait") await pause(3);
            else {
              if (own !== undefined) held.membership.release(own);
              own = what === "release" ? undefined : what === "adopt" ? `own-${owns.size}` : name;
              if (own !== undefined) {
                if (owns.has(own)) own = `own-${owns.size}`;
                owns.add(own);
                expected.forget(own);
                held.membership.adopt(worker(own));
              }
            }
            check();
          }

          compatible.clear();

          await eventually(() => {
            const refused = new Map(
              held.membership.refusals().map((refusal) => [refusal.uid, refusal.reason]),
            );
            return (
              expected
                .wanted()
                .every((name) => held.uids().includes(name) || refused.get(name) === "capacity") &&
              (own === undefined || held.uids().includes(own)) &&
              held.membership.members.every((member) => member.ready)
            );
          });
          check();
        },
      ),
      // Each step of shrinking one that fails takes seconds.
      { numRuns: 200, endOnFailure: true },
    );
  });
});

/** Which workers must come to be members, or wait for a place, once they all do as they should. */
class Expected {
  readonly #seen = new Map<string, { good: boolean; everMember: boolean }>();

  see(what: string, uid: string, good: boolean): void {
    const seen = this.#seen.get(uid);
    if (what === "worker-dropped") this.#seen.delete(uid);
    else if (seen?.everMember === true) seen.good = good;
    else if (!good) this.#seen.delete(uid);
    else if (what === "worker-added") this.#seen.set(uid, { good, everMember: false });
  }

  /** Takes note of who is, or has just been, a member. */
  note(
    strangers: readonly string[],
    refusals: readonly { readonly uid: string; readonly reason: string }[],
  ): void {
    const broke = refusals.filter(({ reason }) => reason === "version" || reason === "evicted");
    for (const uid of [...strangers, ...broke.map((refusal) => refusal.uid)]) {
      const seen = this.#seen.get(uid);
      if (seen !== undefined) seen.everMember = true;
    }
  }

  /** It has become the pool's own. */
  forget(uid: string): void {
    this.#seen.delete(uid);
  }

  wanted(): readonly string[] {
    return [...this.#seen].flatMap(([uid, { good }]) => (good ? [uid] : []));
  }
}

function fits(record: Partial<WorkerMetadata>): boolean {
  const { version = "1.0.0", codecs, tags, secure } = record;
  return /^1[.]/.test(version) && codecs === undefined && tags === undefined && secure === undefined;
}

/** The rules of membership, as plainly as they can be said; every worker is in one list at most. */
class Model {
  held: string[] = [];
  /** Evicted for its record. */
  evicted: string[] = [];
  /** Evicted, fits again, has no place. */
  returning: string[] = [];
  waiting: string[] = [];
  readonly #places: number;

  constructor(places: number) {
    this.#places = places;
  }

  added(uid: string, good: boolean): void {
    if (this.#known(uid, good)) return;
    if (!good) this.waiting = without(this.waiting, uid);
    else if (this.held.length < this.#places) this.held.push(uid);
    else if (!this.waiting.includes(uid)) this.waiting.push(uid);
  }

  updated(uid: string, good: boolean): void {
    if (!this.#known(uid, good) && !good) this.waiting = without(this.waiting, uid);
  }

  dropped(uid: string): void {
    this.evicted = without(this.evicted, uid);
    this.returning = without(this.returning, uid);
    this.waiting = without(this.waiting, uid);
    this.held = without(this.held, uid);
    this.#fill();
  }

  /** Events about workers that are, or have been, members. */
  #known(uid: string, good: boolean): boolean {
    if (this.held.includes(uid)) {
      if (good) return true;
      this.held = without(this.held, uid);
      this.evicted.push(uid);
      this.#fill();
      return true;
    }
    if (this.evicted.includes(uid)) {
      if (!good) return true;
      this.evicted = without(this.evicted, uid);
      if (this.held.length < this.#places) this.held.push(uid);
      else this.returning.push(uid);
      return true;
    }
    if (!this.returning.includes(uid)) return false;
    if (good) return true;
    this.returning = without(this.returning, uid);
    this.evicted.push(uid);
    return true;
  }

  #fill(): void {
    for (const list of [this.returning, this.waiting]) {
      while (this.held.length < this.#places) {
        const next = list.shift();
        if (next === undefined) break;
        this.held.push(next);
      }
    }
  }
}

function without(list: readonly string[], uid: string): string[] {
  return list.filter((other) => other !== uid);
}
