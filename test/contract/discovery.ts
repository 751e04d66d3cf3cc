/** What every discovery must show. Run by a few lines per discovery; fixed ones run the part about subscriptions. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import type { Discovery } from "../../src/discovery/discovery.ts";
import type { WorkerMetadata } from "../../src/wire/worker-metadata.ts";
import { follow } from "../support/follow.ts";
import { leakCheck } from "../support/leak-check.ts";
import { workerMetadata } from "../support/worker-metadata.ts";

/** A discovery that already knows some workers. Disposing takes back what made them known. */
export interface KnownWorkers extends AsyncDisposable {
  readonly discovery: Discovery;
}

const A = workerMetadata({ uid: "a", tags: ["gpu"], build: "main@3f2c1d" });
const B = workerMetadata({ uid: "b", address: "127.0.0.1:50052" });

/**
 * Registers the tests of subscriptions.
 *
 * @param name What the tests call the discovery.
 * @param create Makes a discovery that knows `workers`.
 */
export function subscriptionContract(
  name: string,
  create: (workers: readonly WorkerMetadata[]) => Promise<KnownWorkers>,
): void {
  test(`${name} replays every known worker to each subscription`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A, B]);
    await using early = follow(known.discovery);
    await early.read(2);
    await using late = follow(known.discovery);
    await late.read(2);

    assert.deepEqual([...early.log].sort(), ["added a", "added b"]);
    assert.deepEqual([...late.log].sort(), ["added a", "added b"]);
    assert.deepEqual(late.events.find(({ worker }) => worker.uid === "a")?.worker, A);
  });

  test(`${name} replays to each iteration of one subscription`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A]);
    const subscription = known.discovery.subscribe();

    for (let iteration = 0; iteration < 2; iteration++) {
      for await (const event of subscription) {
        assert.equal(event.worker.uid, "a");
        break;
      }
    }
  });

  test(`${name} reports only workers that pass the filter`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A, B]);
    await using gpu = follow(known.discovery, { filter: ({ tags }) => tags.includes("gpu") });
    await using all = follow(known.discovery);

    await all.read(2);
    await gpu.read(1);

    assert.deepEqual(gpu.log, ["added a"]);
  });

  test(`${name} ends a subscription whose filter throws with that error, and no other`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A]);
    await using sound = follow(known.discovery);
    const failure = new Error("filter");

    await using broken = follow(known.discovery, {
      filter: () => {
        throw failure;
      },
    });

    await assert.rejects(broken.finished, failure);
    await sound.read(1);
    assert.deepEqual(sound.log, ["added a"]);
  });

  test(`${name} finishes without an error when the signal fires while it waits`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A]);
    await using follower = follow(known.discovery);
    await follower.read(1);

    await follower.stop();

    assert.deepEqual(follower.log, ["added a"]);
  });

  test(`${name} reports nothing once the signal has fired, and lets go of it`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A, B]);
    const controller = new AbortController();
    const reader = known.discovery.subscribe({ signal: controller.signal })[Symbol.asyncIterator]();
    assert.equal((await reader.next()).done, false);

    controller.abort();

    assert.deepEqual(await reader.next(), { done: true, value: undefined });
    assert.equal(getEventListeners(controller.signal, "abort").length, 0);
  });

  test(`${name} does not begin when the signal has fired before`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A]);
    const reader = known.discovery.subscribe({ signal: AbortSignal.abort() })[Symbol.asyncIterator]();

    assert.deepEqual(await reader.next(), { done: true, value: undefined });
  });

  test(`${name} answers a waiting read when the reader returns`, async () => {
    await using _leaks = leakCheck();
    await using known = await create([A]);
    const reader = known.discovery.subscribe()[Symbol.asyncIterator]();
    await reader.next();

    const waiting = reader.next();
    await reader.return?.();

    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
  });
}

/**
 * Registers the tests of a discovery to which workers can be published.
 *
 * @param name What the tests call the discovery.
 * @param create Makes a fresh medium and returns what connects a discovery object to it.
 */
export function discoveryContract(name: string, create: () => () => Discovery): void {
  subscriptionContract(name, async (workers) => {
    const discovery = create()();
    const publisher = discovery.publisher();
    for (const worker of workers) await publisher.publish({ type: "worker-added", worker });
    return { discovery, [Symbol.asyncDispose]: () => publisher.close() };
  });

  test(`${name} reports what becomes of a worker in the order in which it happens`, async () => {
    await using _leaks = leakCheck();
    const connect = create();
    const publisher = connect().publisher();
    await using follower = follow(connect());

    await publisher.publish({ type: "worker-added", worker: A });
    await follower.read(1);
    await publisher.publish({ type: "worker-updated", worker: { ...A, tags: ["cpu"] } });
    await follower.read(2);
    await publisher.publish({ type: "worker-dropped", worker: A });
    await follower.read(3);

    assert.deepEqual(follower.log, ["added a", "updated a", "dropped a"]);
    assert.deepEqual(follower.events[1]?.worker.tags, ["cpu"]);
    await publisher.close();
  });

  test(`${name} reports a worker that starts or stops passing the filter as added or dropped`, async () => {
    await using _leaks = leakCheck();
    const connect = create();
    const publisher = connect().publisher();
    await using gpu = follow(connect(), { filter: ({ tags }) => tags.includes("gpu") });
    await using all = follow(connect());

    for (const [index, tags] of [[], ["gpu"], ["gpu", "big"], ["cpu"], []].entries()) {
      await publisher.publish({
        type: index === 0 ? "worker-added" : "worker-updated",
        worker: { ...A, tags },
      });
      await all.read(index + 1);
    }
    await gpu.read(3);

    assert.deepEqual(gpu.log, ["added a", "updated a", "dropped a"]);
    assert.deepEqual(gpu.events[2]?.worker.tags, ["gpu", "big"]);
    await publisher.close();
  });

  test(`${name} keeps serving the others when one subscription ends`, async () => {
    await using _leaks = leakCheck();
    const connect = create();
    const publisher = connect().publisher();
    await publisher.publish({ type: "worker-added", worker: A });
    await using first = follow(connect());
    await using second = follow(connect());
    await Promise.all([first.read(1), second.read(1)]);

    await first.stop();
    await publisher.publish({ type: "worker-added", worker: B });
    await second.read(2);

    assert.deepEqual(second.log, ["added a", "added b"]);
    assert.deepEqual(first.log, ["added a"]);
    await publisher.close();
  });

  test(`${name} retracts what a publisher announced when it closes, and nothing else`, async () => {
    await using _leaks = leakCheck();
    const connect = create();
    const [leaving, staying] = [connect().publisher(), connect().publisher()];
    await leaving.publish({ type: "worker-added", worker: A });
    await staying.publish({ type: "worker-added", worker: B });
    await using follower = follow(connect());
    await follower.read(2);

    await Promise.all([leaving.close(), leaving.close()]);
    await follower.read(3);
    await using late = follow(connect());
    await late.read(1);

    assert.deepEqual(follower.log.slice(2), ["dropped a"]);
    assert.deepEqual(late.log, ["added b"]);
    await staying.close();
  });

  test(`${name} carries out what was published before close, then refuses`, async () => {
    await using _leaks = leakCheck();
    const connect = create();
    const publisher = connect().publisher();

    const published = publisher.publish({ type: "worker-added", worker: A });
    await publisher.close();
    await published;

    await assert.rejects(publisher.publish({ type: "worker-added", worker: B }), {
      code: "ERR_MERINO_POOL_CLOSED",
    });
    const other = connect().publisher();
    await other.publish({ type: "worker-added", worker: workerMetadata({ uid: "c" }) });
    await using follower = follow(connect());
    await follower.read(1);
    assert.deepEqual(follower.log, ["added c"]);
    await other.close();
  });

  test(`${name} refuses to publish what is not a worker's record`, async () => {
    await using _leaks = leakCheck();
    const publisher = create()().publisher();

    for (const uid of ["", "../escape", "a/b", "x".repeat(65)]) {
      await assert.rejects(publisher.publish({ type: "worker-added", worker: { ...A, uid } }), {
        code: "ERR_MERINO_INVALID_OPTION",
        option: "event.worker",
      });
    }
    await publisher.close();
  });

  test(`${name} takes the dropping of an unknown worker for done`, async () => {
    await using _leaks = leakCheck();
    const publisher = create()().publisher();

    await publisher.publish({ type: "worker-dropped", worker: A });

    await publisher.close();
  });
}
