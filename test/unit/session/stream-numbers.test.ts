import assert from "node:assert/strict";
import { test } from "node:test";
import { LAST_STREAM, StreamNumbers } from "../../../src/session/stream-numbers.ts";

const NONE: ReadonlyMap<number, unknown> = new Map();
const PROTOCOL = { code: "ERR_MERINO_PROTOCOL" };

test("StreamNumbers counts upwards from 1 and leaves out what is in use", () => {
  const numbers = new StreamNumbers();

  const taken = [numbers.take(NONE), numbers.take(NONE), numbers.take(new Map([[3, 0]])), numbers.take(NONE)];

  assert.deepEqual(taken, [1, 2, 4, 5]);
});

test("StreamNumbers knows which streams were ever opened", () => {
  const numbers = new StreamNumbers();
  numbers.take(NONE);

  numbers.assertOpened(1);
  for (const stream of [0, 2, LAST_STREAM, LAST_STREAM + 1]) {
    assert.throws(() => numbers.assertOpened(stream), PROTOCOL, String(stream));
  }
});

test("StreamNumbers says that a task may have started once it was flushed, and not before", () => {
  const numbers = new StreamNumbers();
  const first = numbers.take(NONE);
  numbers.flushed();
  const second = numbers.take(NONE);

  assert.equal(numbers.mayHaveStarted(first), true);
  assert.equal(numbers.mayHaveStarted(second), false);
  numbers.flushed();
  assert.equal(numbers.mayHaveStarted(second), true);
});

test("StreamNumbers believes the lowest limit that the worker has named", () => {
  const numbers = new StreamNumbers();
  for (let at = 0; at < 5; at++) numbers.take(NONE);
  numbers.flushed();

  numbers.startedUpTo(2);
  numbers.startedUpTo(4);

  assert.deepEqual(
    [1, 2, 3, 4].map((stream) => numbers.mayHaveStarted(stream)),
    [true, true, false, false],
  );
});

test("StreamNumbers begins anew after the last number, and leaves out streams that are still open", () => {
  const numbers = new StreamNumbers(LAST_STREAM - 1);

  const taken = [numbers.take(NONE), numbers.take(NONE), numbers.take(new Map([[1, 0]])), numbers.take(NONE)];

  assert.deepEqual(taken, [LAST_STREAM - 1, LAST_STREAM, 2, 3]);
  for (const stream of [...taken, LAST_STREAM - 5]) numbers.assertOpened(stream);
});

test("StreamNumbers tells what has left from what has not across the last number", () => {
  const numbers = new StreamNumbers(LAST_STREAM - 2);
  const [before] = [numbers.take(NONE)];
  numbers.flushed();
  const after = [numbers.take(NONE), numbers.take(NONE), numbers.take(NONE)];

  assert.deepEqual(after, [LAST_STREAM - 1, LAST_STREAM, 1]);
  assert.deepEqual(
    [before, ...after].map((stream) => numbers.mayHaveStarted(stream)),
    [true, false, false, false],
  );
  numbers.flushed();
  assert.ok(after.every((stream) => numbers.mayHaveStarted(stream)));
});
