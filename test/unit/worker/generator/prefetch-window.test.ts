/** How far ahead a generator may run, in values and in bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PrefetchWindow } from "../../../../src/worker/generator/prefetch-window.ts";
import { movedElements } from "../../../support/moved-elements.ts";

test("PrefetchWindow has room for as many values as its credit, and again for those taken", () => {
  const window = new PrefetchWindow(2);

  const room = [window.hasRoom(1_000)];
  window.sent(10);
  room.push(window.hasRoom(1_000));
  window.sent(10);
  room.push(window.hasRoom(1_000));
  window.taken(1);
  room.push(window.hasRoom(1_000));

  assert.deepEqual(room, [true, true, false, true]);
});

test("PrefetchWindow allows one value of any size, and no more until the bytes are taken", () => {
  const window = new PrefetchWindow(10);

  const room = [window.hasRoom(100)];
  window.sent(5_000);
  room.push(window.hasRoom(100));
  window.taken(1);
  room.push(window.hasRoom(100));

  assert.deepEqual(room, [true, false, true]);
});

test("PrefetchWindow gives back the bytes of the oldest values", () => {
  const window = new PrefetchWindow(10);
  window.sent(90);
  window.sent(20);

  const before = window.hasRoom(100);
  window.taken(1);
  const after = window.hasRoom(100);
  const atLimit = window.hasRoom(20);

  assert.deepEqual([before, after, atLimit], [false, true, false]);
});

test("PrefetchWindow that is reset has all of its room", () => {
  const window = new PrefetchWindow(1);
  window.sent(5_000);

  window.reset();
  const room = window.hasRoom(100);
  window.sent(10);

  assert.equal(room, true);
  assert.equal(window.hasRoom(100), false);
});

test("PrefetchWindow takes credit back in small lots without moving all that is ahead for each", () => {
  const credit = 100_000;
  const window = new PrefetchWindow(credit);
  for (let n = 0; n < credit; n += 1) window.sent(1);

  const moved = movedElements(() => {
    for (let n = 0; n < credit; n += 10) window.taken(10);
  });

  assert.ok(moved <= 3 * credit, `${moved} moves`);
  assert.equal(window.hasRoom(1), true);
});
