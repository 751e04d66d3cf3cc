/** A fixed list of workers, beyond the contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { discoveryFromDescriptor } from "../../../src/discovery/discovery-from-descriptor.ts";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";
import { eventually } from "../../support/eventually.ts";
import { follow } from "../../support/follow.ts";
import { useAddressWorld } from "../../support/use-address-world.ts";
import { useWarnings } from "../../support/use-warnings.ts";
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

test("StaticDiscovery refuses an address that is none, or is there already, and names it", () => {
  const sound = "10.0.0.1:7777";

  for (const second of ["nowhere", "http://host:1", "host:0", "host:65536", "unix:relative", "", sound]) {
    assert.throws(() => new StaticDiscovery([sound, second]), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "workers[1]",
    });
  }
  assert.throws(() => new StaticDiscovery(["unix:/run/w"], { unix: false }), { option: "workers[0]" });
});

test("StaticDiscovery asks the worker at an address who it is, and reports it under that address", async () => {
  using world = useAddressWorld();
  world.described.set("10.0.0.1:7777", workerMetadata({ uid: "a", address: "192.168.1.1:1" }));
  await using follower = follow(new StaticDiscovery(["10.0.0.1:7777"], { unix: true }, world.ports));

  await follower.read(1);

  assert.deepEqual(follower.events, [
    { type: "worker-added", worker: workerMetadata({ uid: "a", address: "10.0.0.1:7777" }) },
  ]);
});

test("StaticDiscovery finds whoever is at an address after a restart, at once when it is told of a lost worker", async () => {
  using world = useAddressWorld();
  const address = "10.0.0.1:7777";
  world.described.set(address, workerMetadata({ uid: "a" }));
  const discovery = new StaticDiscovery([address], { unix: true }, world.ports);
  await using follower = follow(discovery);
  await follower.read(1);

  await world.clock.advance(1_000);
  world.described.set(address, workerMetadata({ uid: "b" }));
  discovery.recheck(workerMetadata({ uid: "a", address }));
  await follower.read(3);
  world.described.set(address, workerMetadata({ uid: "c" }));
  await world.clock.advance(5_000); // and without being told
  await follower.read(5);

  assert.deepEqual(
    follower.events.map(({ type, worker }) => `${type} ${worker.uid}`),
    ["worker-added a", "worker-dropped a", "worker-added b", "worker-dropped b", "worker-added c"],
  );
});

test("StaticDiscovery waits for a worker that is not there yet, names its address once, and finds it when it comes", async () => {
  using world = useAddressWorld();
  using warnings = useWarnings();
  const address = "10.0.0.1:7777";
  await using follower = follow(new StaticDiscovery([address], { unix: true }, world.ports));
  const read = follower.read(1);
  await eventually(() => world.asked.length > 0);

  for (let minute = 0; minute < 10; minute++) await world.clock.advance(60_000);
  world.described.set(address, workerMetadata({ uid: "late" }));
  await world.clock.advance(6_000);
  await read;

  assert.equal(follower.events[0]?.worker.uid, "late");
  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
});

test("StaticDiscovery counts a worker once that is named by its record and by its address, and leaves the record as it is", async () => {
  using world = useAddressWorld();
  const record = workerMetadata({ uid: "a", address: "unix:/run/a" });
  world.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
  world.described.set("10.0.0.2:7777", workerMetadata({ uid: "b" }));
  const list = ["10.0.0.1:7777", record, "10.0.0.2:7777"];
  await using follower = follow(new StaticDiscovery(list, { unix: true }, world.ports));

  await follower.read(2);
  await world.clock.advance(60_000);

  assert.deepEqual(
    follower.events.map(({ type, worker }) => `${type} ${worker.uid} ${worker.address}`),
    ["worker-added a unix:/run/a", "worker-added b 10.0.0.2:7777"],
  );
});

test("StaticDiscovery travels with its addresses, and takes no sockets from the network", () => {
  const { descriptor } = new StaticDiscovery([workerMetadata({ uid: "a" }), "10.0.0.1:7777"]);

  assert.deepEqual(descriptor.parameters, { workers: [workerMetadata({ uid: "a" }), "10.0.0.1:7777"] });
  assert.deepEqual(discoveryFromDescriptor(descriptor).descriptor, descriptor);
  const hostile = { kind: "static", parameters: { workers: ["unix:/run/w"] } };
  assert.throws(() => discoveryFromDescriptor(hostile), { code: "ERR_MERINO_INVALID_OPTION" });
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
