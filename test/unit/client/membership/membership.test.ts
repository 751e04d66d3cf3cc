import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause, setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { Membership } from "../../../../src/client/membership/membership.ts";
import type { DiscoveryEvent } from "../../../../src/discovery/discovery.ts";
import { HandshakeError } from "../../../../src/errors/handshake-error.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import type { BackoffPolicy } from "../../../../src/internal/time/backoff.ts";
import type { WorkerMetadata } from "../../../../src/wire/worker-metadata.ts";
import { eventually } from "../../../support/eventually.ts";
import { type MemoryCarrier, memoryPair } from "../../../support/memory-pair.ts";
import { batchOf, helloWith } from "../../../support/protocol-peers.ts";
import { useWarnings } from "../../../support/use-warnings.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

/** What a test's peer says when it is connected to; a worker that says nothing never answers. */
type Greeting = (peer: MemoryCarrier, uid: string) => void;

interface Wish {
  readonly capacity?: number | undefined;
  readonly reserved?: number;
  /** Makes connections. Default: they never come about. */
  readonly greet?: Greeting;
  /** Whether nobody is there when this worker is connected to. Default: somebody always is. */
  readonly dead?: (uid: string) => boolean;
  /** What the attempt to connect to this worker waits for. */
  readonly until?: (uid: string) => Promise<void> | undefined;
  readonly coolDown?: BackoffPolicy;
  readonly quorum?: number;
  readonly firstAttemptsMs?: number;
}

/** A membership whose workers do as the test says, and whose evicted ones sit out 10 ms, then longer. */
function useMembership(options: Wish = {}) {
  const connected: string[] = [];
  const timesMs: number[] = [];
  const carriers: MemoryCarrier[] = [];
  const latest = new Map<string, MemoryCarrier>();
  const unreachable: string[] = [];
  let changes = 0;
  const membership: Membership = new Membership({
    rules: { version: "1.0.0", secure: false, hostId: "h", filter: (worker) => !worker.tags.includes("bad") },
    capacity: options.capacity,
    reserved: options.reserved ?? 0,
    quorum: options.quorum ?? 1,
    firstAttemptsMs: options.firstAttemptsMs ?? 0,
    connect: async (worker) => {
      connected.push(worker.address);
      timesMs.push(performance.now());
      const { greet, dead } = options;
      await options.until?.(worker.uid);
      if (dead?.(worker.uid) === true) throw new HandshakeError("nobody is there");
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
    connectedAtMs: (address: string) => timesMs.filter((_, at) => connected[at] === address),
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
  test("has a worker as a member once, however often it is added", () => {
    using t = useMembership();

    t.see("worker-added", "a");
    t.see("worker-added", "a");
    t.see("worker-updated", "a");

    assert.deepEqual(t.uids(), ["a"]);
    assert.deepEqual(t.connected, ["a:1"]);
  });

  test("retains a worker that ends, whatever its discovery says of it, with the connection that it has", async () => {
    using t = useMembership({ greet: greetAs() });
    t.see("worker-added", "a");
    await eventually(() => t.ready().length === 1);

    t.membership.retain(worker("a"));
    t.see("worker-dropped", "a");
    t.see("worker-added", "a");

    assert.deepEqual(t.ready(), ["a"]);
    assert.deepEqual(t.connected, ["a:1"]);
    assert.equal(t.membership.get("a")?.draining, true);
  });

  test("retains a worker that it has dropped or never had, also when all places are taken", async () => {
    using t = useMembership({ capacity: 1, greet: greetAs() });
    t.see("worker-added", "a");
    t.see("worker-dropped", "a");
    t.see("worker-added", "b");

    t.membership.retain(worker("a"));

    await eventually(() => t.ready().length === 2);
    assert.deepEqual(t.uids(), ["b", "a"]);
    t.see("worker-dropped", "b");
    t.see("worker-added", "c");
    assert.deepEqual(t.uids(), ["a", "c"]);
  });

  test("remembers workers beyond its capacity, and gives a freed place to the oldest of them", () => {
    using t = useMembership({ capacity: 1 });
    for (const uid of ["a", "b", "c"]) t.see("worker-added", uid);
    assert.deepEqual(t.uids(), ["a"]);
    assert.deepEqual(t.refused(), ["b capacity", "c capacity"]);

    t.see("worker-dropped", "a");

    assert.deepEqual(t.uids(), ["b"]);
    assert.deepEqual(t.refused(), ["c capacity"]);
  });

  test("forgets a remembered worker that is dropped, and refreshes one that is updated", () => {
    using t = useMembership({ capacity: 1 });
    for (const uid of ["a", "b", "c"]) t.see("worker-added", uid);

    t.see("worker-dropped", "b");
    t.see("worker-updated", "c", { address: "c:2" });
    t.see("worker-dropped", "a");

    assert.deepEqual(t.uids(), ["c"]);
    assert.equal(t.membership.get("c")?.metadata.address, "c:2");
  });

  test("updates a found worker past the cap, and connects again only where it moved", () => {
    using t = useMembership({ capacity: 1 });
    t.see("worker-added", "a");

    t.see("worker-updated", "a", { tags: ["new"] });
    assert.deepEqual(t.connected, ["a:1"]);
    t.see("worker-updated", "a", { address: "a:2" });

    assert.deepEqual(t.connected, ["a:1", "a:2"]);
    assert.deepEqual(t.uids(), ["a"]);
  });

  test("drops an update of a worker never seen silently", () => {
    using t = useMembership();

    t.see("worker-updated", "a");

    assert.deepEqual(t.uids(), []);
    assert.deepEqual(t.refused(), []);
  });

  test("evicts a found worker whose update makes it inadmissible, and takes it back first once its record fits", () => {
    using t = useMembership({ capacity: 1 });
    for (const uid of ["a", "b", "c"]) t.see("worker-added", uid);

    t.see("worker-updated", "a", { tags: ["bad"] });
    assert.deepEqual(t.uids(), ["b"]);
    assert.deepEqual(t.refused(), ["a filter", "c capacity"]);
    t.see("worker-updated", "a");
    assert.deepEqual(t.refused(), ["a capacity", "c capacity"]);
    t.see("worker-dropped", "b");

    assert.deepEqual(t.uids(), ["a"]);
    assert.deepEqual(t.refused(), ["c capacity"]);
  });

  for (const record of [{ version: "2.0.0" }, { codecs: ["pickle"] }, { secure: true }, { tags: ["bad"] }]) {
    test(`evicts a found worker whose update says ${JSON.stringify(record)}`, () => {
      using t = useMembership();
      t.see("worker-added", "a");

      t.see("worker-updated", "a", record);

      assert.deepEqual(t.uids(), []);
      assert.equal(t.refused().length, 1);
    });
  }

  test("never admits by an update a worker that was refused by a rule when it was added", () => {
    using t = useMembership();
    t.see("worker-added", "a", { tags: ["bad"] });

    t.see("worker-updated", "a");
    assert.deepEqual(t.uids(), []);
    t.see("worker-added", "a");

    assert.deepEqual(t.uids(), ["a"]);
    assert.deepEqual(t.refused(), []);
  });

  test("never admits by an update a worker that was refused by the cap, though its record is refreshed", () => {
    using t = useMembership({ capacity: 2 });
    for (const uid of ["a", "b", "c"]) t.see("worker-added", uid);

    t.see("worker-updated", "c", { address: "c:2" });
    assert.deepEqual(t.uids(), ["a", "b"]);
    t.see("worker-dropped", "a");

    assert.deepEqual(t.uids(), ["b", "c"]);
    assert.equal(t.membership.get("c")?.metadata.address, "c:2");
  });

  test("forgets what waits for a place once its record speaks against it", () => {
    using t = useMembership({ capacity: 1 });
    t.see("worker-added", "a");
    t.see("worker-added", "b");

    t.see("worker-updated", "b", { version: "2.0.0" });
    t.see("worker-updated", "b");
    t.see("worker-dropped", "a");

    assert.deepEqual(t.uids(), []);
    assert.deepEqual(t.refused(), ["b version"]);
  });

  test("takes two of three with a capacity of two, and all three without one", () => {
    for (const [capacity, expected] of [
      [2, ["a", "b"]],
      [undefined, ["a", "b", "c"]],
    ] as const) {
      using t = useMembership({ capacity });

      for (const uid of ["a", "b", "c"]) t.see("worker-added", uid);

      assert.deepEqual(t.uids(), expected);
    }
  });

  test("gives a freed place to the next added when nobody waits for it", () => {
    using t = useMembership({ capacity: 1 });
    t.see("worker-added", "a");

    t.see("worker-dropped", "a");
    t.see("worker-added", "b");

    assert.deepEqual(t.uids(), ["b"]);
  });

  test("does not take up a worker of its own that has gone when discovery still tells of it", () => {
    using t = useMembership({ capacity: 2, reserved: 1 });
    t.membership.adopt(worker("own"));
    t.membership.release("own");

    t.see("worker-added", "own");

    assert.deepEqual(t.uids(), []);
  });

  test("has the youngest make way for a preferred worker, and gives it the next place", () => {
    using t = useMembership({ capacity: 2 });
    for (const uid of ["a", "b", "c"]) t.see("worker-added", uid);

    t.see("worker-added", "ours 1", { tags: ["ours"] });
    assert.deepEqual(t.uids(), ["a", "ours 1"]);
    t.see("worker-added", "ours 2", { tags: ["ours"] });
    t.see("worker-added", "ours 3", { tags: ["ours"] });
    assert.deepEqual(t.uids(), ["ours 1", "ours 2"]);
    assert.deepEqual(t.refused(), ["b capacity", "a capacity", "c capacity", "ours 3 capacity"]);
    t.see("worker-dropped", "ours 1");

    assert.deepEqual(t.uids(), ["ours 2", "b"]);
  });

  test("has members that were not reached give their places to those remembered, and become the last of these", async () => {
    using t = useMembership({ capacity: 2, greet: greetAs(), dead: (uid) => uid.startsWith("dead") });

    for (const uid of ["dead 1", "dead 2", "a", "b", "c"]) t.see("worker-added", uid);
    assert.deepEqual(t.uids(), ["dead 1", "dead 2"]);
    await eventually(() => t.ready().length === 2);

    assert.deepEqual(t.uids(), ["a", "b"]);
    assert.deepEqual(t.refused(), ["c capacity", "dead 1 capacity", "dead 2 capacity"]);
    assert.deepEqual(t.connected, ["dead 1:1", "dead 2:1", "a:1", "b:1"]);
    assert.match(t.membership.refusals()[1]?.detail ?? "", /nobody is there/);
    t.see("worker-dropped", "a");
    assert.deepEqual(t.uids(), ["b", "c"]);
  });

  test("has a member that was not reached give its place to a newcomer, and to none before it was tried", async () => {
    let dead = true;
    using t = useMembership({ capacity: 1, greet: greetAs(), dead: (uid) => dead && uid === "a" });
    t.see("worker-added", "a");
    await eventually(() => t.unreachable.length > 0);
    assert.deepEqual(t.uids(), ["a"]);

    t.see("worker-added", "b");
    t.see("worker-added", "c");

    assert.deepEqual(t.uids(), ["b"]);
    assert.deepEqual(t.refused(), ["a capacity", "c capacity"]);
    dead = false;
    t.see("worker-dropped", "b");
    assert.deepEqual(t.uids(), ["c"]);
    t.see("worker-dropped", "c");
    await eventually(() => t.ready().includes("a"));
  });

  test("keeps the place of a member that is being tried, or has ever been reached", async () => {
    using waiting = useMembership({ capacity: 1 });
    for (const uid of ["a", "b"]) waiting.see("worker-added", uid);
    let dead = false;
    using lost = useMembership({ capacity: 1, greet: greetAs(), dead: () => dead });
    for (const uid of ["a", "b"]) lost.see("worker-added", uid);
    await eventually(() => lost.ready().length === 1);

    dead = true;
    lost.cut("a");
    await eventually(() => lost.unreachable.length >= 3);

    for (const t of [waiting, lost]) {
      assert.deepEqual(t.uids(), ["a"]);
      assert.deepEqual(t.refused(), ["b capacity"]);
    }
  });

  test("tries workers in turn while none is reached, none of them more often than it would be alone", async () => {
    const dead = new Set(["a", "b", "c"]);
    using t = useMembership({ capacity: 1, greet: greetAs(), dead: (uid) => dead.has(uid) });
    for (const uid of dead) t.see("worker-added", uid);

    await eventually(() => t.connected.length >= 6);

    assert.deepEqual(t.connected.slice(0, 4), ["a:1", "b:1", "c:1", "a:1"]);
    for (const uid of ["a", "b", "c"]) {
      const [first = 0, second = Number.POSITIVE_INFINITY] = t.connectedAtMs(`${uid}:1`);
      assert.ok(second - first >= 39, `'${uid}' was tried again after ${second - first} ms`);
    }
    assert.equal(t.uids().length, 1);
    dead.delete("b");
    await eventually(() => t.ready().includes("b"));
    assert.deepEqual(t.uids(), ["b"]);
  });

  test("reaches the only one that lives behind any number of dead ones, seen all at once", async () => {
    using t = useMembership({ capacity: 1, greet: greetAs(), dead: (uid) => uid !== "live" });

    for (let n = 0; n < 1_500; n += 1) t.see("worker-added", `dead ${n}`);
    t.see("worker-added", "live");

    await eventually(() => t.ready().includes("live"));
    assert.deepEqual(t.uids(), ["live"]);
  });

  test("gives the place of a member that was not reached to one that has moved since", async () => {
    using t = useMembership({ capacity: 1, greet: greetAs(), dead: () => t.connected.at(-1) !== "a:2" });
    for (const uid of ["a", "b"]) t.see("worker-added", uid);
    await eventually(() => t.refused().includes("a capacity") && t.unreachable.includes("b"));

    t.see("worker-updated", "a", { address: "a:2" });

    await eventually(() => t.ready().includes("a"));
    assert.deepEqual(t.uids(), ["a"]);
  });

  test("keeps the places of its own workers that were not reached", async () => {
    using t = useMembership({ capacity: 2, reserved: 1, greet: greetAs(), dead: (uid) => uid === "own" });
    t.membership.adopt(worker("own"));
    await eventually(() => t.unreachable.includes("own"));

    t.see("worker-added", "a");
    t.see("worker-added", "b");
    await eventually(() => t.unreachable.length >= 3);

    assert.deepEqual(t.uids(), ["own", "a"]);
    assert.deepEqual(t.refused(), ["b capacity"]);
  });

  test("warns once of newcomers for whom there is no place among those that wait either, and says what to do", async () => {
    using warnings = useWarnings();
    using t = useMembership({ capacity: 1 });
    for (let n = 0; n < 10_001; n++) t.see("worker-added", `w${n}`);
    await setImmediate();
    assert.deepEqual(warnings.codes, []);

    for (const uid of ["late", "later"]) t.see("worker-added", uid);
    await setImmediate();

    assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
    assert.match(warnings.messages[0] ?? "", /10000 workers.*Raise its lease/);
  });

  test("meets its quorum once as many members are ready, and not while they are only connecting", async () => {
    const late: Array<() => void> = [];
    using t = useMembership({
      quorum: 2,
      greet: (peer, uid) => void late.push(() => greetAs()(peer, uid)),
    });
    for (const uid of ["a", "b", "c"]) t.see("worker-added", uid);
    await eventually(() => late.length === 3);
    assert.equal(t.membership.quorumMet, false);
    assert.equal(t.membership.enough, true);

    late[0]?.();
    await eventually(() => t.ready().length === 1);
    assert.equal(t.membership.quorumMet, false);
    assert.match(t.membership.whyNone()[0]?.detail ?? "", /a quorum of 2/);
    late[1]?.();
    await eventually(() => t.membership.quorumMet);
    t.see("worker-dropped", "a");

    assert.equal(t.membership.quorumMet, true);
  });

  test("tells why a worker could not be reached, also while that is tried again", async () => {
    let attempts = 0;
    using t = useMembership({
      dead: () => attempts++ === 0, // the next one comes to no end
    });
    t.see("worker-added", "a");
    const first = t.membership.whyNone()[0]?.reason;
    await eventually(() => attempts === 2);

    const [{ reason, detail } = assert.fail()] = t.membership.whyNone();

    assert.equal(first, "starting");
    assert.equal(t.membership.get("a")?.state.kind, "connecting");
    assert.deepEqual([reason, detail], ["unreachable", "nobody is there"]);
  });

  test("meets no quorum by members that are ready one after the other", async () => {
    let dead = false;
    using t = useMembership({ quorum: 2, greet: greetAs(), dead: () => dead });
    t.see("worker-added", "a");
    await eventually(() => t.ready().length === 1);

    dead = true;
    t.cut("a");
    dead = false;
    t.see("worker-dropped", "a");
    t.see("worker-added", "b");
    await eventually(() => t.ready().includes("b"));

    assert.equal(t.membership.quorumMet, false);
  });

  for (const outcome of ["greets", "cannot be reached", "goes"] as const) {
    test(`waits for first attempts that are under way, until the last one ${outcome}`, async () => {
      const ends = createDeferred<void>();
      using t = useMembership({
        firstAttemptsMs: 3_600_000,
        greet: greetAs(),
        until: (uid) => (uid === "late" ? ends.promise : undefined),
        dead: (uid) => uid === "late" && outcome === "cannot be reached",
      });
      for (const uid of ["early", "late"]) t.see("worker-added", uid);
      await eventually(() => t.ready().length === 1);
      assert.equal(t.membership.quorumMet, false);

      if (outcome === "goes") t.see("worker-dropped", "late");
      else ends.resolve();
      await eventually(() => t.membership.quorumMet);
      t.see("worker-added", "newcomer");

      assert.equal(t.membership.quorumMet, true);
    });
  }

  test("waits for first attempts no longer than it may, and not for second ones", async () => {
    const never = new Promise<void>(() => {});
    using t = useMembership({
      firstAttemptsMs: 20,
      greet: greetAs(),
      until: (uid) => (uid === "silent" ? never : undefined),
    });
    for (const uid of ["early", "silent"]) t.see("worker-added", uid);

    await eventually(() => t.membership.quorumMet);

    assert.deepEqual(t.ready(), ["early"]);
    using second = useMembership({
      firstAttemptsMs: 3_600_000,
      greet: greetAs(),
      dead: (uid) => uid === "dead",
      until: (uid) => (uid === "dead" && second.unreachable.length > 0 ? never : undefined),
    });
    second.see("worker-added", "dead");
    await eventually(() => second.connected.length === 2);
    second.see("worker-added", "early");
    await eventually(() => second.membership.quorumMet);
  });

  test("offers a member for calls only while it is connected", async () => {
    using t = useMembership({ greet: greetAs() });
    t.see("worker-added", "a");
    assert.deepEqual(t.ready(), []);
    await eventually(() => t.ready().length === 1);

    t.carrier(0).cut();

    assert.deepEqual(t.ready(), []);
    assert.deepEqual(t.uids(), ["a"]);
    assert.deepEqual(t.unreachable, ["a"]);
    await eventually(() => t.ready().length === 1);
    assert.deepEqual(t.connected, ["a:1", "a:1"]);
  });

  test("keeps a member that is another worker than its record says, backing off", async () => {
    using t = useMembership({ greet: greetAs({ uid: "somebody" }) });

    t.see("worker-added", "a");

    await eventually(() => t.unreachable.length > 0);
    assert.deepEqual(t.uids(), ["a"]);
    assert.deepEqual(t.ready(), []);
  });

  for (const [what, greet, reason] of [
    ["another major", greetAs({ version: "2.0.0" }), "a version"],
    ["no codec of ours", greetAs({ codecs: ["pickle"] }), "a codec"],
    ["what is no protocol", (peer: MemoryCarrier) => peer.inject(Uint8Array.of(1, 2, 3)), "a evicted"],
  ] as const) {
    test(`evicts a member whose connection begins with ${what}, and asks it again after a growing cool-down`, async () => {
      using t = useMembership({ capacity: 1, greet });
      t.see("worker-added", "a");
      t.see("worker-added", "b", { tags: ["bad"] });

      await eventually(() => t.refused().includes(reason));

      assert.deepEqual(t.uids(), []);
      const startMs = performance.now();
      await eventually(() => t.connected.length >= 4);
      // 10, 20 and 40 ms, at the least.
      assert.ok(performance.now() - startMs >= 40);
      assert.deepEqual(t.uids(), []);
    });
  }

  test("takes an evicted worker back that fits when it is asked again, before any newcomer", async () => {
    let version = "2.0.0";
    using t = useMembership({
      capacity: 1,
      greet: (peer, uid) => greetAs({ version: uid === "a" ? version : "1.0.0" })(peer, uid),
    });
    t.see("worker-added", "a");
    await eventually(() => t.refused().includes("a version"));
    t.see("worker-added", "b");
    t.see("worker-added", "c");
    assert.deepEqual(t.uids(), ["b"]);

    version = "1.0.0";
    await eventually(() => t.refused()[0] === "a capacity");
    t.see("worker-dropped", "b");

    await eventually(() => t.ready().includes("a"));
    assert.deepEqual(t.uids(), ["a"]);
    assert.deepEqual(t.refused(), ["c capacity"]);
  });

  test("takes an evicted worker of its own back to its own place", async () => {
    let version = "2.0.0";
    using t = useMembership({
      capacity: 2,
      reserved: 1,
      greet: (peer, uid) => greetAs({ version: uid === "own" ? version : "1.0.0" })(peer, uid),
    });
    t.membership.adopt(worker("own"));
    await eventually(() => t.refused().includes("own version"));
    t.see("worker-added", "x");
    t.see("worker-added", "y");

    version = "1.0.0";

    await eventually(() => t.ready().includes("own"));
    assert.equal(t.membership.get("own")?.own, true);
    assert.deepEqual(t.uids(), ["x", "own"]);
  });

  test("evicts a member that breaks the protocol later on, and forgets it when it is dropped", async () => {
    using t = useMembership({ greet: greetAs() });
    t.see("worker-added", "a");
    await eventually(() => t.ready().length === 1);

    t.carrier(0).events?.batch(Uint8Array.of(1, 2, 3), 0, 3);

    assert.deepEqual(t.uids(), []);
    assert.deepEqual(t.refused(), ["a evicted"]);
    t.see("worker-dropped", "a");
    assert.deepEqual(t.refused(), []);
  });

  test("never admits a worker of another major, on any path", () => {
    using t = useMembership();

    for (const type of ["worker-added", "worker-updated"] as const) t.see(type, "a", { version: "2.0.0" });

    assert.deepEqual(t.uids(), []);
    assert.deepEqual(t.refused(), ["a version"]);
    assert.deepEqual(t.connected, []);
  });

  test("keeps the places of its own workers, also while one is being replaced", () => {
    using t = useMembership({ capacity: 2, reserved: 1 });
    t.see("worker-added", "stranger");
    t.see("worker-added", "other");
    t.membership.adopt(worker("own"));
    assert.deepEqual(t.uids(), ["stranger", "own"]);

    t.membership.release("own");
    assert.deepEqual(t.uids(), ["stranger"]);
    t.membership.adopt(worker("next"));

    assert.deepEqual(t.uids(), ["stranger", "next"]);
    assert.deepEqual(t.refused(), ["other capacity"]);
  });

  test("takes no notice of what discovery says about its own workers", () => {
    using t = useMembership({ capacity: 1, reserved: 1 });
    t.membership.adopt(worker("own"));

    t.see("worker-added", "own");
    t.see("worker-updated", "own", { tags: ["bad"] });
    t.see("worker-dropped", "own");

    assert.deepEqual(t.uids(), ["own"]);
    assert.deepEqual(t.refused(), []);
  });

  test("lets everybody go when it closes", () => {
    const t = useMembership({ capacity: 1 });
    t.see("worker-added", "a");
    t.see("worker-added", "b");

    t.membership.close();

    assert.deepEqual(t.uids(), []);
    assert.equal(t.membership.get("a"), undefined);
    assert.deepEqual(t.refused(), []);
  });

  test("takes nobody any more once it has closed, whatever was on its way", () => {
    const t = useMembership();
    t.membership.close();

    t.see("worker-added", "a");
    t.membership.adopt(worker("own"));

    assert.deepEqual(t.uids(), []);
    assert.deepEqual(t.connected, []);
  });

  test("gives away the place of a stranger that turns out to be a worker of its own", () => {
    using t = useMembership({ capacity: 2, reserved: 1 });
    t.see("worker-added", "own");
    t.see("worker-added", "stranger");

    t.membership.adopt(worker("own"));

    assert.deepEqual(t.uids(), ["own", "stranger"]);
    assert.deepEqual(t.refused(), []);
  });

  test("lets discovery have no say about a worker of its own that outlives very many others", () => {
    using t = useMembership({ capacity: 2, reserved: 2 });
    t.membership.adopt(worker("old"));
    for (let n = 0; n < 2_000; n++) {
      t.membership.adopt(worker(`short-lived-${n}`));
      t.membership.release(`short-lived-${n}`);
    }

    t.see("worker-dropped", "old");

    assert.deepEqual(t.uids(), ["old"]);
  });

  test("tells of every change", () => {
    using t = useMembership();
    t.see("worker-added", "a");
    const before = t.changes();

    t.see("worker-dropped", "a");

    assert.equal(t.changes(), before + 1);
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
          using t = useMembership({
            capacity: places === undefined ? undefined : places + 1,
            reserved: 1,
          });
          const model = new Model(places ?? Number.POSITIVE_INFINITY);
          let own: string | undefined;
          let spawned = 0;
          for (const { type, uid, record } of events) {
            if (type === "adopt") {
              if (own !== undefined) t.membership.release(own);
              own = `own-${spawned++}`;
              t.membership.adopt(worker(own));
            } else if (type === "release") {
              if (own !== undefined) t.membership.release(own);
              own = undefined;
            } else {
              t.see(`worker-${type}` as DiscoveryEvent["type"], uid, record);
              model[type](uid, fits(record));
            }
            const members = t.membership.members;
            assert.deepEqual(
              members.flatMap((member) => (member.own ? [] : [member.uid])),
              model.t,
            );
            assert.deepEqual(
              members.flatMap((member) => (member.own ? [member.uid] : [])),
              own === undefined ? [] : [own],
            );
            assert.deepEqual(
              t.refused().flatMap((line) => (line.endsWith(" capacity") ? [line.split(" ")[0]] : [])),
              [...model.returning, ...model.waiting],
            );
            for (const member of members) assert.equal(t.membership.get(member.uid), member);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("loses no worker for good, and has no more members than it may, however evictions, probes and events cross", async () => {
    const uid = fc.constantFrom("a", "b", "c", "d");
    const good = fc.constantFrom(true, true, true, false);
    const command = fc.oneof(
      fc.record({ what: fc.constantFrom("worker-added", "worker-updated"), uid, good }),
      fc.record({ what: fc.constant("worker-dropped"), uid, good }),
      fc.record({ what: fc.constantFrom("greets", "evict", "cut", "listens"), uid, good }),
      fc.record({ what: fc.constantFrom("adopt", "adopt seen", "release", "wait"), uid, good }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 10, maxLength: 40 }),
        fc.constantFrom(undefined, 1, 1, 2),
        async (commands, places: number = Number.POSITIVE_INFINITY) => {
          const compatible = new Map<string, boolean>();
          const listening = new Map<string, boolean>();
          using t = useMembership({
            capacity: Number.isFinite(places) ? places + 1 : undefined,
            reserved: 1,
            coolDown: { baseMs: 1, factor: 1, maxMs: 1, jitter: 0 },
            dead: (name) => listening.get(name) === false,
            greet: (peer, name) =>
              greetAs({ version: compatible.get(name) === false ? "2.0.0" : "1.0.0" })(peer, name),
          });
          const expected = new Expected();
          const owns = new Set<string>();
          let own: string | undefined;
          const check = (): void => {
            const members = t.membership.members;
            const strangers = members.filter((member) => !member.own).map((member) => member.uid);
            const refusals = t.membership.refusals();
            assert.ok(strangers.length <= places, `${strangers} are more than ${places}`);
            const known = [...t.uids(), ...refusals.map((refusal) => refusal.uid)];
            assert.equal(new Set(known).size, known.length, `${known} are in one place each`);
            const free = refusals.some(({ reason }) => reason === "capacity") && strangers.length < places;
            assert.ok(!free, "a place is free, and somebody waits for one");
            expected.note(strangers, refusals);
          };
          for (const { what, uid: name, good: fine } of commands) {
            if (what.startsWith("worker-")) {
              t.see(what as DiscoveryEvent["type"], name, fine ? {} : { tags: ["bad"] });
              if (!owns.has(name)) expected.see(what, name, fine);
            } else if (what === "greets") compatible.set(name, fine);
            else if (what === "listens") listening.set(name, fine);
            else if (what === "evict") {
              const member = t.membership.get(fine ? name : (own ?? name));
              if (member !== undefined) t.membership.evict(member, "evicted", "so says the test");
            } else if (what === "cut") t.cut(name);
            else if (what === "wait") await pause(3);
            else {
              if (own !== undefined) t.membership.release(own);
              own = what === "release" ? undefined : what === "adopt" ? `own-${owns.size}` : name;
              if (own !== undefined) {
                if (owns.has(own)) own = `own-${owns.size}`;
                owns.add(own);
                expected.forget(own);
                t.membership.adopt(worker(own));
              }
            }
            check();
          }

          compatible.clear();
          listening.clear();

          await eventually(() => {
            const refused = new Map(t.membership.refusals().map((refusal) => [refusal.uid, refusal.reason]));
            return (
              expected
                .wanted()
                .every((name) => t.uids().includes(name) || refused.get(name) === "capacity") &&
              (own === undefined || t.uids().includes(own)) &&
              t.membership.members.every((member) => member.ready)
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
  t: string[] = [];
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
    else if (this.t.length < this.#places) this.t.push(uid);
    else if (!this.waiting.includes(uid)) this.waiting.push(uid);
  }

  updated(uid: string, good: boolean): void {
    if (!this.#known(uid, good) && !good) this.waiting = without(this.waiting, uid);
  }

  dropped(uid: string): void {
    this.evicted = without(this.evicted, uid);
    this.returning = without(this.returning, uid);
    this.waiting = without(this.waiting, uid);
    this.t = without(this.t, uid);
    this.#fill();
  }

  /** Events about workers that are, or have been, members. */
  #known(uid: string, good: boolean): boolean {
    if (this.t.includes(uid)) {
      if (good) return true;
      this.t = without(this.t, uid);
      this.evicted.push(uid);
      this.#fill();
      return true;
    }
    if (this.evicted.includes(uid)) {
      if (!good) return true;
      this.evicted = without(this.evicted, uid);
      if (this.t.length < this.#places) this.t.push(uid);
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
      while (this.t.length < this.#places) {
        const next = list.shift();
        if (next === undefined) break;
        this.t.push(next);
      }
    }
  }
}

function without(list: readonly string[], uid: string): string[] {
  return list.filter((other) => other !== uid);
}
