import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Membership } from "../../../src/client/membership.ts";
import type { DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import type { WorkerMetadata } from "../../../src/wire/worker-metadata.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

/** A membership whose connections never come about. */
function useMembership(options: { readonly capacity?: number; readonly reserved?: number } = {}) {
  const connected: string[] = [];
  let changes = 0;
  const membership = new Membership({
    rules: { version: "1.0.0", secure: false, filter: (worker) => !worker.tags.includes("bad") },
    capacity: options.capacity,
    reserved: options.reserved ?? 0,
    connect: (worker) => {
      connected.push(worker.address);
      return new Promise(() => {});
    },
    hello: () => assert.fail("nobody is connected"),
    connectTimeoutMs: 60_000,
    changed: () => {
      changes += 1;
    },
    events: { ready() {}, progress() {}, unreachable() {}, inadmissible() {} },
  });
  return {
    membership,
    connected,
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

  test("evicts a held worker whose update makes it inadmissible, and takes it back later", () => {
    using held = useMembership({ capacity: 1 });
    held.see("worker-added", "a");
    held.see("worker-added", "b");

    held.see("worker-updated", "a", { tags: ["bad"] });
    assert.deepEqual(held.uids(), ["b"]);
    assert.deepEqual(held.refused(), ["a filter"]);
    held.see("worker-dropped", "b");
    held.see("worker-updated", "a");

    assert.deepEqual(held.uids(), ["a"]);
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

  test("tells of every change", () => {
    using held = useMembership();
    held.see("worker-added", "a");
    const before = held.changes();

    held.see("worker-dropped", "a");

    assert.equal(held.changes(), before + 1);
  });

  test("keeps to its cap and its gate under any order of events", () => {
    const event = fc.record({
      type: fc.constantFrom("added", "updated", "dropped", "adopt", "release"),
      uid: fc.constantFrom("a", "b", "c", "d"),
      admissible: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (events, places) => {
        using held = useMembership({ capacity: places + 1, reserved: 1 });
        /** What the source last said about each worker that it has not dropped. */
        const said = new Map<string, boolean>();
        for (const { type, uid, admissible } of events) {
          const own = `own-${uid}`;
          if (type === "adopt") {
            for (const member of [...held.membership.members])
              if (member.own) held.membership.release(member.uid);
            held.membership.adopt(worker(own));
          } else if (type === "release") {
            held.membership.release(own);
          } else {
            held.see(`worker-${type}` as DiscoveryEvent["type"], uid, admissible ? {} : { tags: ["bad"] });
            if (type === "dropped") said.delete(uid);
            // An update alone makes nobody a member, but what it says against a worker is kept.
            else if (type === "added" || said.has(uid) || !admissible) said.set(uid, admissible);
          }
          const strangers = held.membership.members.filter((member) => !member.own);
          const eligible = [...said].filter(([, good]) => good).map(([name]) => name);
          assert.ok(strangers.every((member) => eligible.includes(member.uid)));
          assert.equal(
            strangers.length,
            Math.min(places, eligible.length),
            "a place stays empty, or is taken twice",
          );
          assert.equal(new Set(held.uids()).size, held.membership.size);
          for (const uid of held.uids()) assert.equal(held.membership.get(uid)?.uid, uid);
        }
      }),
    );
  });
});
