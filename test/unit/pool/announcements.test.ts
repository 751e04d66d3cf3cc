/** What a pool announces, through discoveries that do as they like. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Discovery, DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import { DeadlineQueue } from "../../../src/internal/time/deadline-queue.ts";
import { Announcements } from "../../../src/pool/announcements.ts";
import { useFakeClock } from "../../support/use-fake-clock.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const WORKER = workerMetadata({ uid: "a" });

/** A discovery that notes what is published, or fails to. */
function useDiscovery(failure?: Error) {
  const log: string[] = [];
  const note = (what: string): void => {
    log.push(what);
    if (failure !== undefined && !healed) throw failure;
  };
  let healed = false;
  const heal = (): void => {
    healed = true;
  };
  const discovery: Discovery = {
    descriptor: { kind: "noted", parameters: {} },
    publisher: () => ({
      // Not async: they throw at once.
      publish: ({ type, worker }: DiscoveryEvent) => {
        note(`${type} ${worker.uid}`);
        return Promise.resolve();
      },
      close: () => {
        note("close");
        return Promise.resolve();
      },
    }),
    subscribe: () => assert.fail("subscribed"),
  };
  return { discovery, log, heal };
}

test("Announcements go to the discovery given, and nowhere before they are opened", async () => {
  const { discovery, log } = useDiscovery();
  const announcements = new Announcements(discovery);
  await announcements.announce("worker-added", WORKER);
  assert.deepEqual(log, []);

  announcements.open();
  await announcements.announce("worker-added", WORKER);
  await announcements.announce("worker-dropped", WORKER);
  await announcements.retract();

  assert.deepEqual(log, ["worker-added a", "worker-dropped a", "close"]);
  assert.deepEqual(announcements.descriptor, { kind: "noted", parameters: {} });
});

test("Announcements have a discovery of their own where none is given", () => {
  const [one, other] = [new Announcements(undefined), new Announcements(undefined)];

  assert.equal(one.descriptor?.kind, "local");
  assert.notDeepEqual(one.descriptor, other.descriptor);
});

test("Announcements that fail are told in a warning and keep no pool from going on", async () => {
  using warnings = useWarnings();
  const { discovery } = useDiscovery(new Error("no network"));
  const announcements = new Announcements(discovery);
  announcements.open();

  await announcements.announce("worker-added", WORKER);
  await announcements.retract();
  await new Promise(setImmediate);

  assert.deepEqual(warnings.codes, ["MERINO_PUBLISH_FAILED", "MERINO_PUBLISH_FAILED"]);
  assert.match(warnings.messages[1] ?? "", /no network/);
});

test("Announcements that fail are made again, later each time, with one warning, until they succeed", async () => {
  using clock = useFakeClock();
  using warnings = useWarnings();
  const { discovery, log, heal } = useDiscovery(new Error("no space left"));
  const announcements = new Announcements(discovery, new DeadlineQueue(clock));
  announcements.open();

  await announcements.announce("worker-added", WORKER);
  await clock.advance(1_200);
  await clock.advance(2_000);
  assert.equal(log.length, 3);
  heal();
  await clock.advance(3_100);
  await clock.advance(120_000);

  assert.deepEqual(log, new Array(4).fill("worker-added a"));
  assert.equal(clock.timerCount, 0);
  assert.deepEqual(warnings.codes, ["MERINO_PUBLISH_FAILED"]);
});

test("Announcements of workers that have gone, or of a pool that ends, are not made again", async () => {
  using clock = useFakeClock();
  using _warnings = useWarnings();
  const { discovery, log } = useDiscovery(new Error("no space left"));
  const announcements = new Announcements(discovery, new DeadlineQueue(clock));
  announcements.open();

  await announcements.announce("worker-added", WORKER);
  await announcements.announce("worker-added", workerMetadata({ uid: "b" }));
  await announcements.announce("worker-dropped", WORKER);
  await announcements.retract();
  await clock.advance(120_000);

  assert.deepEqual(log, ["worker-added a", "worker-added b", "worker-dropped a", "close"]);
});
