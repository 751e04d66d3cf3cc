/** Fan-out of events to readers of any speed. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { EventStream } from "../../../src/internal/event-stream.ts";

async function readAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

test("EventStream gives every subscription what was published since it began", async () => {
  const stream = new EventStream<number>();
  const early = stream.subscribe();
  stream.publish(1);
  const late = stream.subscribe();
  stream.publish(2);

  stream.close();

  assert.deepEqual(await readAll(early), [1, 2]);
  assert.deepEqual(await readAll(late), [2]);
});

test("EventStream wakes readers that wait, in the order in which they asked", async () => {
  const stream = new EventStream<number>();
  const reader = stream.subscribe();

  const reads = [reader.next(), reader.next(), reader.next()];
  stream.publish(1);
  stream.publish(2);
  stream.close();

  assert.deepEqual(await Promise.all(reads), [
    { done: false, value: 1 },
    { done: false, value: 2 },
    { done: true, value: undefined },
  ]);
});

test("EventStream drops the oldest events of a slow reader and counts them", async () => {
  const stream = new EventStream<number>({ bufferLimit: 3 });
  const slow = stream.subscribe();
  const patient = stream.subscribe({ bufferLimit: 10 });

  for (let n = 0; n < 5; n++) stream.publish(n);
  stream.close();

  assert.deepEqual(await readAll(slow), [2, 3, 4]);
  assert.equal(slow.dropped, 2);
  assert.deepEqual(await readAll(patient), [0, 1, 2, 3, 4]);
  assert.equal(patient.dropped, 0);
});

test("EventStream ends a subscription with its signal, wakes its reader and discards the rest", async () => {
  const counts: number[] = [];
  const stream = new EventStream<number>({ subscribers: (count) => counts.push(count) });
  const controller = new AbortController();
  const waiting = stream.subscribe({ signal: controller.signal });
  const behind = stream.subscribe({ signal: controller.signal });
  const read = waiting.next();
  controller.signal.throwIfAborted();

  controller.abort();
  stream.publish(1);

  assert.deepEqual(await read, { done: true, value: undefined });
  assert.deepEqual(await readAll(behind), []);
  assert.deepEqual(counts, [1, 2, 1, 0]);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("EventStream does not begin a subscription whose signal has fired, nor one after close", async () => {
  const counts: number[] = [];
  const stream = new EventStream<number>({ subscribers: (count) => counts.push(count) });

  const aborted = stream.subscribe({ signal: AbortSignal.abort() });
  stream.close();
  const late = stream.subscribe();
  stream.publish(1);

  assert.deepEqual(await readAll(aborted), []);
  assert.deepEqual(await readAll(late), []);
  assert.deepEqual(counts, []);
});

test("EventStream leaves the other readers alone when one stops", async () => {
  const stream = new EventStream<number>();
  const controller = new AbortController();
  const stays = stream.subscribe();
  const leaves = stream.subscribe({ signal: controller.signal });
  stream.publish(1);

  for await (const _ of leaves) break;
  stream.publish(2);
  stream.close();

  assert.deepEqual(await readAll(stays), [1, 2]);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});
