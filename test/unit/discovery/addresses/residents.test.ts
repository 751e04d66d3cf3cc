/** Who is where, and what of it is reported. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AddressHome, AddressResidents } from "../../../../src/discovery/addresses/residents.ts";
import type { DiscoveryEvent } from "../../../../src/discovery/discovery.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

function useResidents() {
  const events: DiscoveryEvent[] = [];
  const residents = new AddressResidents((event) => void events.push(event));
  return {
    residents,
    events,
    log: () => events.map(({ type, worker }) => `${type.slice("worker-".length)} ${worker.uid}`),
  };
}

function home(address: string): AddressHome {
  return { address, worker: undefined };
}

test("AddressResidents does not let a second address take over the uid of a worker that answers", () => {
  const { residents, events, log } = useResidents();
  const [own, other] = [home("10.0.0.1:7777"), home("10.0.0.66:7777")];
  const worker = workerMetadata({ uid: "a", address: own.address });

  residents.settle(own, worker);
  residents.settle(other, workerMetadata({ uid: "a", address: other.address, tags: ["mine"] }));
  residents.settle(own, worker);

  assert.deepEqual(log(), ["added a"]);
  assert.equal(events[0]?.worker.address, own.address);
});

test("AddressResidents moves a worker to its other address when one is lost, and drops it with the last", () => {
  const { residents, events, log } = useResidents();
  const [ipv4, ipv6] = [home("10.0.0.1:7777"), home("[fd00::1]:7777")];
  for (const one of [ipv4, ipv6]) {
    residents.settle(one, workerMetadata({ uid: "a", address: one.address }));
  }

  residents.settle(ipv4, undefined);
  assert.equal(events.at(-1)?.worker.address, ipv6.address);
  residents.settle(ipv6, undefined);

  assert.deepEqual(log(), ["added a", "updated a", "dropped a"]);
});

test("AddressResidents reports what leads from nothing to who is there, whoever moves where", () => {
  const addresses = ["1", "2", "3"];
  const uids = ["a", "b", undefined];
  const moves = fc.array(fc.tuple(fc.nat(2), fc.nat(2), fc.nat(1)));
  fc.assert(
    fc.property(moves, (steps) => {
      const { residents, events } = useResidents();
      const homes = addresses.map(home);
      for (const [at, who, pid] of steps) {
        const [place, uid] = [homes[at], uids[who]];
        assert.ok(place);
        const { address } = place;
        residents.settle(
          place,
          uid === undefined ? undefined : workerMetadata({ uid, address, pid: pid + 1 }),
        );
      }

      const seen = new Map<string, string>();
      for (const { type, worker } of events) {
        // Added when it is not there, updated and dropped when it is; never an update that changes nothing.
        assert.equal(seen.has(worker.uid), type !== "worker-added");
        const json = JSON.stringify(worker);
        if (type === "worker-updated") assert.notEqual(seen.get(worker.uid), json);
        if (type === "worker-dropped") seen.delete(worker.uid);
        else seen.set(worker.uid, json);
      }
      const present = homes.flatMap(({ worker }) => worker ?? []);
      assert.deepEqual(new Set(seen.keys()), new Set(present.map(({ uid }) => uid)));
      for (const json of seen.values()) {
        assert.ok(present.some((worker) => JSON.stringify(worker) === json));
      }
    }),
  );
});
