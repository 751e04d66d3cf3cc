/** How often it is told that workers cannot be reached. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createUnreachableWarning } from "../../../../src/client/connection/unreachable-warning.ts";
import { WorkerProxy } from "../../../../src/client/worker-proxy.ts";
import { eventually } from "../../../support/eventually.ts";
import { MemoryDiscovery } from "../../../support/memory-discovery.ts";
import { memoryPair } from "../../../support/memory-pair.ts";
import { helloWith, TestWorker } from "../../../support/protocol-peers.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";
import { useWarnings } from "../../../support/use-warnings.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

/** Lets warnings arrive, which takes a turn. */
async function arrival(): Promise<void> {
  await new Promise(setImmediate);
}

test("createUnreachableWarning tells of an address once a minute, whoever is there and whatever is wrong", async () => {
  using clock = useFakeClock();
  using warnings = useWarnings();
  const unreachable = createUnreachableWarning(clock);

  for (let second = 0; second < 180; second++) {
    unreachable("10.0.0.1:7777", `Expected worker 'w${second}', found 'w${second + 1}'`);
    await clock.advance(1_000);
  }
  await arrival();

  assert.equal(warnings.messages.length, 3);
  assert.match(warnings.messages[1] ?? "", /'w60'.*59 further warnings/);
});

test("createUnreachableWarning tells of each of thousands of addresses, and of none twice", async () => {
  using clock = useFakeClock();
  using warnings = useWarnings();
  const unreachable = createUnreachableWarning(clock);

  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 5_000; n++) unreachable(`10.0.${n >> 8}.${n & 255}:7777`, `round ${round}`);
  }
  await arrival();

  assert.equal(warnings.messages.length, 5_000);
});

test("proxies warn once of an address at which workers with ever new uids are announced", async () => {
  using warnings = useWarnings();
  const discovery = new MemoryDiscovery();
  const publisher = discovery.publisher();
  await using proxy = await WorkerProxy.open({ discovery, lazy: false });
  await using other = await WorkerProxy.open({ discovery, lazy: false });
  const address = "unix:/nowhere/unreachable-warning";
  const proxies = [proxy, other];
  const refused = (): boolean => proxies.every((one) => one.explain().members[0]?.error !== undefined);

  for (let n = 0; n < 5; n++) {
    const worker = workerMetadata({ uid: `w${n}`, address });
    await publisher.publish({ type: "worker-added", worker });
    await eventually(refused);
    await publisher.publish({ type: "worker-dropped", worker });
    await eventually(() => proxies.every(({ workers }) => workers.length === 0));
  }
  await publisher.close();
  await arrival();

  assert.deepEqual(
    warnings.codes.filter((code) => code === "MERINO_WORKER_UNREACHABLE"),
    ["MERINO_WORKER_UNREACHABLE"],
  );
});

test("a proxy does not warn of a worker that said it would end, and does of one that did not", async () => {
  using warnings = useWarnings();
  const discovery = new MemoryDiscovery();
  const publisher = discovery.publisher();
  const workers = new Map<string, TestWorker>();
  await using proxy = new WorkerProxy(
    { discovery, lazy: false },
    {
      connect: async ({ uid }) => {
        const worker = workers.get(uid);
        if (worker === undefined) return await new Promise<never>(() => {}); // tried again, and never reached
        workers.delete(uid);
        const { client, server } = memoryPair();
        worker.tasks.serve(server);
        return client;
      },
    },
  );
  await proxy.open();
  const joined = async (uid: string): Promise<TestWorker> => {
    const worker = new TestWorker({}, { hello: helloWith({ uid, session: 0 }) });
    workers.set(uid, worker);
    await publisher.publish({
      type: "worker-added",
      worker: workerMetadata({ uid, address: `unix:/${uid}` }),
    });
    await eventually(() =>
      proxy.explain().members.some((member) => member.uid === uid && member.state === "ready"),
    );
    return worker;
  };

  const orderly = await joined("orderly");
  orderly.tasks.drain();
  await orderly.tasks.caughtUp();
  orderly.tasks.close();
  const sudden = await joined("sudden");
  sudden.tasks.close();
  await eventually(() => warnings.messages.length > 0);
  await publisher.close();

  assert.equal(warnings.messages.length, 1);
  assert.match(warnings.messages[0] ?? "", /unix:\/sudden/);
});
