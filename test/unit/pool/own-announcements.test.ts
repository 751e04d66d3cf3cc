/** Where a pool announces which of its workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Discovery, DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import { OwnAnnouncements } from "../../../src/pool/own-announcements.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

function notedDiscovery() {
  const log: string[] = [];
  const discovery: Discovery = {
    descriptor: { kind: "local", parameters: { namespace: "shared" } },
    publisher: () => ({
      async publish({ type, worker }: DiscoveryEvent) {
        log.push(`${type} ${worker.uid}`);
      },
      async close() {
        log.push("close");
      },
    }),
    subscribe: () => assert.fail("subscribed"),
  };
  return { discovery, log };
}

test("OwnAnnouncements tells a discovery of no worker that only the pool's own are to find", async () => {
  await using _ = leakCheck();
  const { discovery, log } = notedDiscovery();
  const announcements = new OwnAnnouncements(discovery, true);
  announcements.open();

  announcements.add(workerMetadata({ uid: "shown" }), false);
  announcements.add(workerMetadata({ uid: "hidden" }), true);
  announcements.drop(workerMetadata({ uid: "hidden" }));
  announcements.drop(workerMetadata({ uid: "unknown" }));
  announcements.drop(workerMetadata({ uid: "shown" }));
  await announcements.retract();

  assert.deepEqual(log, ["worker-added shown", "worker-dropped shown", "close"]);
  assert.equal(announcements.siblings?.kind, "local");
  assert.notDeepEqual(announcements.siblings, announcements.descriptor);
  assert.deepEqual(announcements.shared, [discovery.descriptor]);
});

test("OwnAnnouncements has one private place where a pool has no discovery, or hides no worker", () => {
  assert.equal(new OwnAnnouncements(undefined, true).siblings, undefined);
  assert.equal(new OwnAnnouncements(notedDiscovery().discovery, false).siblings, undefined);
  assert.deepEqual(new OwnAnnouncements(undefined, true).shared, []);
});
