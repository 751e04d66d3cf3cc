/** Crowding is seen by processors that are taken away, and forgotten after a rest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Crowding } from "../../../src/internal/crowding.ts";

interface System {
  readonly crowding: Crowding;
  /** So often has it taken a processor away. */
  switches: number;
}

function start(switches = 1): System {
  const system: { switches: number; crowding?: Crowding } = { switches };
  system.crowding = new Crowding(() => system.switches);
  return system as System;
}

/** Milliseconds from `fromMs` on until nobody rests. */
function restFrom({ crowding }: System, fromMs: number): number {
  let ms = 0;
  while (crowding.rests(fromMs + ms)) ms += 1;
  return ms;
}

test("Crowding has nobody rest whose waits go on undisturbed", () => {
  const system = start();

  assert.equal(system.crowding.stepped(10, 10.1), false);
  assert.equal(system.crowding.rests(10.1), false);
});

test("Crowding takes a long step for a loss only if a processor was taken away meanwhile", () => {
  const system = start();

  assert.equal(system.crowding.stepped(10, 13), false);
  assert.equal(system.crowding.rests(13), false);

  system.switches += 1;
  assert.equal(system.crowding.stepped(20, 23), true);
  assert.equal(system.crowding.rests(23), true);
});

test("Crowding takes every long step for a loss where the system does not count them", () => {
  assert.equal(start(0).crowding.stepped(10, 13), true);
});

test("Crowding has waits rest for twice as long each time that it is seen again soon, up to a limit", () => {
  const system = start();
  const rests: number[] = [];
  let nowMs = 1_000;
  for (let time = 0; time < 10; time++) {
    system.switches += 1;
    system.crowding.stepped(nowMs - 3, nowMs);
    const restMs = restFrom(system, nowMs);
    rests.push(restMs);
    nowMs += restMs + 1;
  }

  assert.deepEqual(rests, [5, 10, 20, 40, 80, 160, 320, 640, 640, 640]);

  nowMs += 10_000;
  system.switches += 1;
  system.crowding.stepped(nowMs - 3, nowMs);
  assert.equal(restFrom(system, nowMs), 5);
});

test("Crowding goes on while processors are taken away again and again, also if nobody waits awake", () => {
  const system = start();
  system.crowding.rests(10);

  system.switches += 60;
  assert.equal(system.crowding.rests(20), true);

  system.switches += 300;
  assert.equal(system.crowding.rests(50), true);

  system.switches += 5;
  assert.equal(system.crowding.rests(90), false);
});

test("Crowding makes nothing of many that have come in a long time", () => {
  const system = start();
  system.crowding.rests(10);

  system.switches += 100_000;

  assert.equal(system.crowding.rests(10_000), false);
});
