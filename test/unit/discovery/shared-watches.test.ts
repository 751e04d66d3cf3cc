/** One watch per key, for as long as somebody subscribes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import type { SharedWatch, WatchSource } from "../../../src/discovery/shared-watch.ts";
import { SharedWatches } from "../../../src/discovery/shared-watches.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

let kinds = 0;

/** Watches of a kind of their own. */
function useWatches(): { readonly kind: string; readonly watches: SharedWatches } {
  kinds += 1;
  const kind = `test-${kinds}`;
  return { kind, watches: new SharedWatches(kind) };
}

/** A source that finds one worker and logs its runs; each closes when the test lets it. */
function recordingSource(name = "source") {
  const log: string[] = [];
  const closings = [createDeferred(), createDeferred()];
  let runs = 0;
  const source: WatchSource = async (report, signal) => {
    const closing = closings[runs++];
    log.push(`${name} begins`);
    report({ type: "worker-added", worker: workerMetadata({ uid: name }) });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await closing?.promise;
    log.push(`${name} ends`);
  };
  return { source, log, letClose: (run: number) => closings[run]?.resolve() };
}

/** Subscribes, and waits for the first worker. */
async function subscribe(watch: SharedWatch): Promise<AsyncIterator<DiscoveryEvent>> {
  const events = watch.subscribe()[Symbol.asyncIterator]();
  await events.next();
  return events;
}

test("SharedWatches gives one watch per key, whoever asks, with the first one's source", async () => {
  const { kind, watches } = useWatches();
  const otherCopy = new SharedWatches(kind);
  const [mine, theirs] = [recordingSource("mine"), recordingSource("theirs")];

  const watch = watches.get("thumbs", mine.source);
  assert.equal(watches.get("thumbs", theirs.source), watch);
  assert.equal(otherCopy.get("thumbs", theirs.source), watch);
  assert.notEqual(watches.get("other", theirs.source), watch);
  assert.notEqual(useWatches().watches.get("thumbs", theirs.source), watch);
  const subscriptions = [await subscribe(watch), await subscribe(otherCopy.get("thumbs", theirs.source))];

  assert.deepEqual([mine.log, theirs.log], [["mine begins"], []]);
  mine.letClose(0);
  for (const events of subscriptions) await events.return?.();
  assert.deepEqual(mine.log, ["mine begins", "mine ends"]);
});

test("SharedWatches forgets a key whose watch has ended, and makes its next watch anew", async () => {
  const { watches } = useWatches();
  const [first, second] = [recordingSource("first"), recordingSource("second")];
  const watch = watches.get("thumbs", first.source);
  const events = await subscribe(watch);

  first.letClose(0);
  await events.return?.();

  const next = watches.get("thumbs", second.source);
  assert.notEqual(next, watch);
  second.letClose(0);
  await (await subscribe(next)).return?.();
  assert.deepEqual(second.log, ["second begins", "second ends"]);
});

test("SharedWatches forgets a key whose watch has failed", async () => {
  const { watches } = useWatches();
  const failure = new Error("not this user's own");
  const watch = watches.get("thumbs", async () => {
    throw failure;
  });

  await assert.rejects(subscribe(watch), failure);

  assert.notEqual(watches.get("thumbs", recordingSource().source), watch);
});

test("SharedWatches keeps a watch of which a run begins while another one closes", async () => {
  const { watches } = useWatches();
  const { source, log, letClose } = recordingSource();
  const watch = watches.get("thumbs", source);
  const left = (await subscribe(watch)).return?.();

  const events = await subscribe(watches.get("thumbs", source));
  letClose(0);
  await left;

  assert.deepEqual(log, ["source begins", "source begins", "source ends"]);
  assert.equal(watches.get("thumbs", source), watch);
  letClose(1);
  await events.return?.();
  assert.notEqual(watches.get("thumbs", source), watch);
});

test("SharedWatches forgets only the watch that has ended, not one made for its key since", async () => {
  const { watches } = useWatches();
  const [first, second] = [recordingSource("first"), recordingSource("second")];
  const old = watches.get("thumbs", first.source);
  // Kept by a discovery from before it was forgotten.
  const events = await subscribe(old);
  first.letClose(0);
  await events.return?.();
  const current = watches.get("thumbs", second.source);

  const late = await subscribe(old);
  first.letClose(1);
  await late.return?.();

  assert.equal(watches.get("thumbs", first.source), current);
});
