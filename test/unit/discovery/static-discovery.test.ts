/** A fixed list of workers, beyond the contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

test("StaticDiscovery refuses a record that is incomplete or bears a uid twice, and names it", () => {
  const sound = workerMetadata({ uid: "a" });

  for (const second of [{ ...sound, uid: "b", address: "nowhere" }, sound]) {
    assert.throws(() => new StaticDiscovery([sound, second]), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "workers[1]",
    });
  }
});

test("StaticDiscovery is not changed by what happens to the list it was given", () => {
  const list = [workerMetadata({ uid: "a" })];
  const discovery = new StaticDiscovery(list);

  list.pop();

  assert.deepEqual(discovery.descriptor.parameters, { workers: [workerMetadata({ uid: "a" })] });
});
