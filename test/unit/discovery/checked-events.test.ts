/** Reading discoveries that do not keep their side of the contract. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { checkedEvents } from "../../../src/discovery/checked-events.ts";
import type { Discovery, DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import { eventually } from "../../support/eventually.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const A = workerMetadata({ uid: "a" });

/** A discovery whose `subscribe` is the test's. */
function discoveryOf(subscribe: (signal: AbortSignal) => unknown): Discovery {
  return {
    publisher: () => ({ publish: async () => {}, close: async () => {} }),
    subscribe: (options) => subscribe(options?.signal as AbortSignal) as AsyncIterable<DiscoveryEvent>,
  };
}

interface Reading {
  readonly log: readonly string[];
  readonly events: readonly DiscoveryEvent[];
  readonly finished: Promise<void>;
  abort(): void;
  readonly signal: AbortSignal;
}

function read(discovery: Discovery, unix = true): Reading {
  const controller = new AbortController();
  const events: DiscoveryEvent[] = [];
  const log: string[] = [];
  const finished = (async () => {
    for await (const event of checkedEvents(discovery, { signal: controller.signal, unix })) {
      events.push(event);
      log.push(`${event.type.slice("worker-".length)} ${event.worker.uid}`);
    }
  })();
  finished.catch(() => {});
  return { log, events, finished, abort: () => controller.abort(), signal: controller.signal };
}

/** Yields, then waits for the signal, as a sound discovery does. */
async function* yielding(values: readonly unknown[], signal: AbortSignal): AsyncGenerator<unknown> {
  yield* values;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

test("checkedEvents passes on well-formed events in their order, with frozen copies of known fields", async () => {
  using warnings = useWarnings();
  const added = { type: "worker-added", worker: { ...A, surplus: true }, surplus: true };
  const updated = { type: "worker-updated", worker: { ...A, tags: ["gpu"] } };
  const reading = read(
    discoveryOf((signal) => yielding([added, updated, { type: "worker-dropped", worker: A }], signal)),
  );

  await eventually(() => reading.log.length === 3);
  reading.abort();
  await reading.finished;

  assert.deepEqual(reading.log, ["added a", "updated a", "dropped a"]);
  assert.deepEqual(reading.events[0], { type: "worker-added", worker: A });
  assert.ok(Object.isFrozen(reading.events[0]?.worker));
  assert.deepEqual(warnings.codes, []);
});

test("checkedEvents leaves codecs out that a record leaves out", async () => {
  const { codecs: _, ...worker } = A;
  const reading = read(discoveryOf((signal) => yielding([{ type: "worker-added", worker }], signal)));

  await eventually(() => reading.log.length === 1);
  reading.abort();
  await reading.finished;

  assert.equal(reading.events[0]?.worker.codecs, undefined);
});

test("checkedEvents skips what is no event about a worker and says so once for each", async () => {
  using warnings = useWarnings();
  const malformed: unknown[] = [
    undefined,
    null,
    7,
    "worker-added",
    [],
    {},
    { type: "worker-added" },
    { type: "worker-added", worker: null },
    { type: "worker-gone", worker: A },
    { type: ["worker-added"], worker: A },
    { type: "worker-dropped", worker: { uid: "never-seen" } },
    { type: "worker-added", worker: { ...A, uid: 7 } },
    { type: "worker-added", worker: { ...A, uid: "b", tags: "gpu" } },
    { type: "worker-updated", worker: { ...A, uid: "b", pid: -1 } },
  ];
  const sound = { type: "worker-added", worker: A };
  const reading = read(discoveryOf((signal) => yielding([...malformed, ...malformed, sound], signal)));

  await eventually(() => reading.log.length === 1);
  reading.abort();
  await reading.finished;

  assert.deepEqual(reading.log, ["added a"]);
  // One for all that name no worker; one each for 'never-seen', 'a' (a type that does not exist) and 'b'.
  assert.deepEqual(warnings.codes, new Array(4).fill("MERINO_BAD_ADVERTISEMENT"));
});

test("checkedEvents warns of eight workers, not of a thousand", async () => {
  using warnings = useWarnings();
  const flood = Array.from({ length: 1_000 }, (_, n) => ({ type: "worker-added", worker: { uid: `w${n}` } }));
  const reading = read(
    discoveryOf((signal) => yielding([...flood, { type: "worker-added", worker: A }], signal)),
  );

  await eventually(() => reading.log.length === 1);
  reading.abort();
  await reading.finished;

  assert.equal(warnings.codes.length, 8);
});

test("checkedEvents believes Unix sockets only when told to", async () => {
  using _warnings = useWarnings();
  const worker = { ...A, uid: "local", address: "unix:/run/x", socket: "/run/x" };
  const events = [
    { type: "worker-added", worker },
    { type: "worker-added", worker: { ...A, socket: "/run/x" } },
  ];
  const [trusting, wary] = [true, false].map((unix) =>
    read(
      discoveryOf((signal) => yielding(events, signal)),
      unix,
    ),
  );

  await eventually(() => trusting?.log.length === 2 && wary?.log.length === 1);
  for (const reading of [trusting, wary]) {
    reading?.abort();
    await reading?.finished;
  }

  assert.deepEqual(trusting?.log, ["added local", "added a"]);
  assert.equal(trusting?.events[1]?.worker.socket, "/run/x");
  assert.deepEqual(wary?.events, [{ type: "worker-added", worker: A }]);
});

test("checkedEvents takes a dropped worker's uid for enough when it knows the rest", async () => {
  using warnings = useWarnings();
  const events = [
    { type: "worker-added", worker: A },
    { type: "worker-dropped", worker: { uid: "a" } },
  ];
  const reading = read(discoveryOf((signal) => yielding(events, signal)));

  await eventually(() => reading.log.length === 2);
  reading.abort();
  await reading.finished;

  assert.deepEqual(reading.events[1], { type: "worker-dropped", worker: A });
  assert.deepEqual(warnings.codes, []);
});

test("checkedEvents throws what the discovery throws, before the first event and after it", async () => {
  const failure = new Error("discovery");
  const subscriptions: Record<string, (signal: AbortSignal) => unknown> = {
    subscribe: () => {
      throw failure;
    },
    asyncIterator: () => ({
      [Symbol.asyncIterator]() {
        throw failure;
      },
    }),
    next: () => ({
      [Symbol.asyncIterator]: () => ({
        next() {
          throw failure;
        },
      }),
    }),
    rejection: async function* () {
      yield { type: "worker-added", worker: A };
      throw failure;
    },
  };
  for (const [name, subscribe] of Object.entries(subscriptions)) {
    await assert.rejects(read(discoveryOf(subscribe)).finished, failure, name);
  }
});

test("checkedEvents refuses what cannot be iterated, and says what was expected", async () => {
  const results: unknown[] = [
    undefined,
    null,
    7,
    [],
    Promise.resolve([]),
    { [Symbol.asyncIterator]: () => undefined },
    { [Symbol.asyncIterator]: () => ({}) },
    { [Symbol.asyncIterator]: () => ({ next: () => undefined }) },
    { [Symbol.asyncIterator]: () => ({ next: async () => 7 }) },
  ];
  for (const result of results) {
    await assert.rejects(read(discoveryOf(() => result)).finished, {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "discovery",
    });
  }
});

test("checkedEvents ends with a discovery that ends early, and says so", async () => {
  using warnings = useWarnings();
  const reading = read(
    discoveryOf(async function* () {
      yield { type: "worker-added", worker: A };
    }),
  );

  await reading.finished;
  await eventually(() => warnings.codes.length === 1);

  assert.deepEqual(reading.log, ["added a"]);
  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
  assert.equal(getEventListeners(reading.signal, "abort").length, 0);
});

test("checkedEvents ends by its signal though the discovery ignores it", async () => {
  using warnings = useWarnings();
  let returned = 0;
  const deaf = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: () => {
        returned += 1;
        return new Promise(() => {});
      },
    }),
  };
  const reading = read(discoveryOf(() => deaf));

  reading.abort();
  await reading.finished;

  assert.equal(returned, 1);
  assert.deepEqual(warnings.codes, []);
  assert.equal(getEventListeners(reading.signal, "abort").length, 0);
});

test("checkedEvents waits until the discovery has closed what it had opened", async () => {
  let closed = false;
  const reading = read(
    discoveryOf(async function* (signal) {
      try {
        yield* yielding([{ type: "worker-added", worker: A }], signal);
      } finally {
        await new Promise((resolve) => setTimeout(resolve, 20));
        closed = true;
      }
    }),
  );
  await eventually(() => reading.log.length === 1);

  reading.abort();
  await reading.finished;

  assert.ok(closed);
});

test("checkedEvents closes the discovery when its reader stops, and ignores how that fails", async () => {
  let returned = 0;
  const discovery = discoveryOf(() => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: { type: "worker-added", worker: A } }),
      return: () => {
        returned += 1;
        throw new Error("cannot close");
      },
    }),
  }));

  for await (const event of checkedEvents(discovery, { signal: new AbortController().signal, unix: true })) {
    assert.equal(event.worker.uid, "a");
    break;
  }

  assert.equal(returned, 1);
});

test("checkedEvents does not subscribe when its signal has fired before", async () => {
  let subscribed = 0;
  const discovery = discoveryOf(() => {
    subscribed += 1;
  });

  const events = checkedEvents(discovery, { signal: AbortSignal.abort(), unix: true });

  assert.deepEqual(await events.next(), { done: true, value: undefined });
  assert.equal(subscribed, 0);
});

test("checkedEvents ends by its signal at whatever moment it fires, though no event was worth passing on", async () => {
  using _warnings = useWarnings();

  for (let microtasks = 0; microtasks < 10; microtasks++) {
    const reading: Reading = read(
      discoveryOf(() => {
        let asked = 0;
        const abortAfter = (left: number): void => {
          if (left === 0) reading.abort();
          else queueMicrotask(() => abortAfter(left - 1));
        };
        const next = (): Promise<unknown> => {
          if (asked++ > 0) return new Promise(() => {}); // and never a word more
          queueMicrotask(() => abortAfter(microtasks));
          return Promise.resolve({ done: false, value: "no event" });
        };
        return { [Symbol.asyncIterator]: () => ({ next }) };
      }),
    );

    let over = false;
    void reading.finished.then(() => {
      over = true;
    });
    await eventually(() => over);
    assert.equal(getEventListeners(reading.signal, "abort").length, 0);
  }
});
