/** What was said before a worker left, and is read after. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LanDepartures } from "../../../../src/discovery/lan/departures.ts";

function useDepartures() {
  const time = { ms: 0 };
  return { time, departures: new LanDepartures(() => time.ms) };
}

test("LanDepartures takes for an echo what is not newer than the departure, for five seconds", () => {
  const { time, departures } = useDepartures();

  departures.add("a", 7);

  assert.deepEqual(
    [6, 7, 8].map((revision) => departures.isEcho("a", revision)),
    [true, true, false],
  );
  assert.equal(departures.isEcho("b", 6), false);
  time.ms = 4_999;
  assert.equal(departures.isEcho("a", 7), true);
  time.ms = 5_000;
  assert.equal(departures.isEcho("a", 7), false);
});

test("LanDepartures forgets what has expired and nothing else", () => {
  const { time, departures } = useDepartures();
  departures.add("early", 1);
  time.ms = 3_000;
  departures.add("late", 1);

  time.ms = 6_000;
  departures.expire();
  time.ms = 4_000;

  assert.equal(departures.isEcho("early", 1), false);
  assert.equal(departures.isEcho("late", 1), true);
});

test("LanDepartures remembers a bounded number, the latest", () => {
  const { departures } = useDepartures();

  for (let n = 0; n < 5_000; n++) departures.add(`w${n}`, 1);
  departures.add("w4999", 2);

  assert.equal(departures.isEcho("w0", 1), false);
  assert.equal(departures.isEcho("w903", 1), false);
  assert.equal(departures.isEcho("w904", 1), true);
  assert.equal(departures.isEcho("w4999", 2), true);
});
