/** One watch, many subscriptions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import { SharedWatch } from "../../../src/discovery/shared-watch.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

type Report = (event: DiscoveryEvent) => void;

/** A watch whose source the test speaks for. */
function recordingWatch() {
  const log: string[] = [];
  const reports: Report[] = [];
  const cleanUp = createDeferred();
  const watch = new SharedWatch(async (report, signal) => {
    log.push("start");
    reports.push(report);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    log.push("stop");
    await cleanUp.promise;
    log.push("closed");
  });
  const report: Report = (event) => reports.at(-1)?.(event);
  return { watch, log, reports, report, cleanUp };
}

function change(type: "added" | "updated" | "dropped", uid: string, pid = 1): DiscoveryEvent {
  return { type: `worker-${type}`, worker: workerMetadata({ uid, pid }) };
}

function read(watch: SharedWatch, signal?: AbortSignal): AsyncIterator<DiscoveryEvent> {
  return watch.subscribe(signal && { signal })[Symbol.asyncIterator]();
}

test("SharedWatch runs its source from the first subscription to the last", async () => {
  const { watch, log, report, cleanUp } = recordingWatch();
  const [first, second] = [read(watch), read(watch)];
  assert.deepEqual(log, []);
  const reads = [first.next(), second.next()];
  report(change("added", "a"));
  await Promise.all(reads);

  await first.return?.();
  assert.deepEqual(log, ["start"]);
  const left = second.return?.();
  await Promise.resolve();
  assert.deepEqual(log, ["start", "stop"]);
  cleanUp.resolve();
  await left;

  assert.deepEqual(log, ["start", "stop", "closed"]);
});

test("SharedWatch starts its source afresh for a subscription that comes while it closes", async () => {
  const { watch, log, reports, cleanUp } = recordingWatch();
  const first = read(watch);
  const waiting = first.next();
  reports[0]?.(change("added", "old"));
  await waiting;
  const left = first.return?.();

  const second = read(watch);
  const next = second.next();
  reports[0]?.(change("added", "stale"));
  reports[1]?.(change("added", "new"));

  assert.equal((await next).value.worker.uid, "new");
  cleanUp.resolve();
  await Promise.all([left, second.return?.()]);
  assert.equal(log.filter((entry) => entry === "start").length, 2);
});

test("SharedWatch ends every subscription with the source's error, once, and can be used again", async () => {
  const failure = new Error("source");
  let runs = 0;
  const watch = new SharedWatch(async (report) => {
    runs += 1;
    if (runs === 1) throw failure;
    report(change("added", "a"));
  });
  const [first, second] = [read(watch), read(watch)];

  const outcomes = await Promise.allSettled([first.next(), second.next()]);

  assert.deepEqual(
    outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason),
    [failure, failure],
  );
  assert.deepEqual(await first.next(), { done: true, value: undefined });
  const again = read(watch);
  assert.equal((await again.next()).value.worker.uid, "a");
  await again.return?.();
});

test("SharedWatch keeps one pending change per worker for a reader that does not read", async () => {
  const { watch, report, cleanUp } = recordingWatch();
  cleanUp.resolve();
  const reader = read(watch);
  const first = reader.next();
  report(change("added", "a", 0));
  await first;

  for (let pid = 1; pid <= 1_000; pid++) report(change("updated", "a", pid));
  for (let n = 0; n < 1_000; n++) {
    report(change("added", `passing-${n}`));
    report(change("dropped", `passing-${n}`));
  }
  report(change("added", "b"));

  const { value: second } = await reader.next();
  const { value: third } = await reader.next();
  assert.deepEqual([second.type, second.worker.uid, second.worker.pid], ["worker-updated", "a", 1_000]);
  assert.deepEqual([third.type, third.worker.uid], ["worker-added", "b"]);
  await reader.return?.();
});

test("SharedWatch answers concurrent reads in the order in which they were made", async () => {
  const { watch, report, cleanUp } = recordingWatch();
  cleanUp.resolve();
  const reader = read(watch);

  const reads = [reader.next(), reader.next(), reader.next()];
  report(change("added", "a"));
  report(change("added", "b"));
  const returned = reader.return?.();

  const results = await Promise.all(reads);
  await returned;
  assert.deepEqual(
    results.map((result) => (result.done ? "done" : result.value.worker.uid)),
    ["a", "b", "done"],
  );
});

test("SharedWatch brings every reader, however slow, to the same workers", async () => {
  const step = fc.oneof(
    fc.record({ set: fc.constantFrom("a", "b", "c", "d"), pid: fc.nat(9) }),
    fc.record({ drop: fc.constantFrom("a", "b", "c", "d") }),
    fc.record({ read: fc.nat(2) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { watch, report, cleanUp } = recordingWatch();
      cleanUp.resolve();
      const truth = new Map<string, number>();
      const readers = [0, 1, 2].map(() => ({ iterator: read(watch), view: new Map<string, number>() }));
      const readOne = async ({ iterator, view }: (typeof readers)[number]): Promise<void> => {
        const { value } = (await iterator.next()) as IteratorYieldResult<DiscoveryEvent>;
        if (value.type === "worker-dropped") assert.ok(view.delete(value.worker.uid));
        else {
          assert.equal(value.type === "worker-added", !view.has(value.worker.uid));
          view.set(value.worker.uid, value.worker.pid);
        }
      };
      // A first worker lets every reader begin.
      const started = readers.map(readOne);
      report(change("added", "first"));
      truth.set("first", 1);
      await Promise.all(started);
      for (const action of steps) {
        if ("set" in action) {
          report(change(truth.has(action.set) ? "updated" : "added", action.set, action.pid));
          truth.set(action.set, action.pid);
        } else if ("drop" in action) {
          if (truth.delete(action.drop)) report(change("dropped", action.drop));
        } else {
          const reader = readers[action.read];
          report(change("updated", "first", 1));
          if (reader !== undefined) await readOne(reader);
        }
      }
      report(change("added", "last"));
      truth.set("last", 1);
      for (const reader of readers) {
        while (!isSame(reader.view, truth)) await readOne(reader);
        await reader.iterator.return?.();
      }
    }),
    { numRuns: 50 },
  );
});

function isSame(view: ReadonlyMap<string, number>, truth: ReadonlyMap<string, number>): boolean {
  return view.size === truth.size && [...truth].every(([uid, pid]) => view.get(uid) === pid);
}

test("SharedWatch refuses a subscription with bad options, before it starts its source", () => {
  const { watch, log } = recordingWatch();

  for (const [option, options] of [
    ["filter", { filter: 3 }],
    ["filter", { filter: null }],
    ["signal", { signal: {} }],
    ["filters", { filters: () => true }],
    ["options", 3],
  ] as const) {
    assert.throws(() => watch.subscribe(options as never), { code: "ERR_MERINO_INVALID_OPTION", option });
  }
  assert.deepEqual(log, []);
});
