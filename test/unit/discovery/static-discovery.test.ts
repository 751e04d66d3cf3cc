/** A fixed list of workers, beyond the contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";
import { follow } from "../../support/follow.ts";
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

test("StaticDiscovery leaves codecs out that a record leaves out, as code that gives no codecs means ours", async () => {
  const { codecs: _, ...record } = workerMetadata({ uid: "a" });
  await using follower = follow(new StaticDiscovery([record]));

  await follower.read(1);

  assert.deepEqual(follower.events, [{ type: "worker-added", worker: record }]);
});

test("StaticDiscovery refuses options that do not exist or have a wrong type", () => {
  const sound = workerMetadata({ uid: "a" });

  for (const [options, option] of [
    [{ unx: false }, "unx"],
    [{ unix: "no" }, "unix"],
    [null, "options"],
  ] as const) {
    assert.throws(() => new StaticDiscovery([sound], options as never), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
    });
  }
});

test("StaticDiscovery believes in Unix sockets unless told not to", () => {
  const local = workerMetadata({ uid: "a", address: "unix:/run/a.sock" });

  assert.ok(new StaticDiscovery([local], {}));
  assert.throws(() => new StaticDiscovery([local], { unix: false }), { option: "workers[0]" });
});
