import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import { JointDiscovery } from "../../../src/discovery/joint-discovery.ts";
import { MemoryDiscovery } from "../../support/memory-discovery.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const added = (uid: string): DiscoveryEvent => ({ type: "worker-added", worker: workerMetadata({ uid }) });

test("JointDiscovery tells of the workers of all sources, and ends with its signal", async () => {
  const [one, other] = [new MemoryDiscovery(), new MemoryDiscovery()];
  const [first, second] = [one.publisher(), other.publisher()];
  await first.publish(added("a"));
  await second.publish(added("b"));
  const stop = new AbortController();
  const seen: string[] = [];

  for await (const { type, worker } of new JointDiscovery([one, other]).subscribe({ signal: stop.signal })) {
    seen.push(`${type} ${worker.uid}`);
    if (seen.length === 2) await second.publish(added("c"));
    if (seen.length === 3) stop.abort();
  }

  assert.deepEqual(seen.slice(0, 2).sort(), ["worker-added a", "worker-added b"]);
  assert.deepEqual(seen.slice(2), ["worker-added c"]);
  await Promise.all([first.close(), second.close()]);
});

test("JointDiscovery can be left while its sources are silent", async () => {
  const source = new MemoryDiscovery();
  const publisher = source.publisher();
  await publisher.publish(added("a"));

  for await (const { worker } of new JointDiscovery([source, new MemoryDiscovery()]).subscribe()) {
    assert.equal(worker.uid, "a");
    break;
  }

  await publisher.close();
});

test("JointDiscovery ends with the failure of a source", async () => {
  const failing = {
    ...new MemoryDiscovery(),
    publisher: () => assert.fail("published"),
    async *subscribe() {
      yield added("a");
      throw new Error("the source has gone");
    },
  };
  const seen: string[] = [];

  await assert.rejects(
    async () => {
      for await (const { worker } of new JointDiscovery([failing, new MemoryDiscovery()]).subscribe())
        seen.push(worker.uid);
    },
    { message: "the source has gone" },
  );

  assert.deepEqual(seen, ["a"]);
});
