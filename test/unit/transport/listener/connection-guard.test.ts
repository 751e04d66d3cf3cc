import assert from "node:assert/strict";
import { test } from "node:test";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import {
  ConnectionGuard,
  type ConnectionPermit,
} from "../../../../src/transport/listener/connection-guard.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const OPTIONS = { maxConnections: 3, maxPerAddress: 2, wastedBurst: 10, wastedPerSecond: 5 };

/** Lets a connection in; a guard that does not fails the test. */
function admitted(guard: ConnectionGuard, address: string): ConnectionPermit {
  const permit = guard.admit(address);
  assert.ok(typeof permit === "object", String(permit));
  return permit;
}

test("ConnectionGuard takes so many connections in total and of one address", () => {
  const guard = new ConnectionGuard(OPTIONS);

  const first = admitted(guard, "a");
  admitted(guard, "a");
  const ofOne = guard.admit("a");
  admitted(guard, "b");
  const inTotal = guard.admit("c");
  first.closed();
  first.closed();
  const again = guard.admit("a");

  assert.match(String(ofOne), /2 connections from 'a'/);
  assert.match(String(inTotal), /3 connections$/);
  assert.equal(typeof again, "object");
  assert.equal(guard.open, 3);
});

test("ConnectionGuard counts what an address takes back over all its connections, also later ones", async () => {
  using clock = useFakeClock();
  const guard = new ConnectionGuard(OPTIONS, new DeadlineQueue(clock));

  const first = admitted(guard, "a");
  const some = Array.from({ length: 9 }, () => first.wasted());
  first.closed();
  const second = admitted(guard, "a");
  const last = second.wasted();
  second.closed();
  const refused = guard.admit("a");
  const other = guard.admit("b");
  await clock.advance(1_000);
  const later = guard.admit("a");

  assert.deepEqual([new Set(some), last], [new Set([true]), false]);
  assert.match(String(refused), /begun too many calls/);
  assert.deepEqual([typeof other, typeof later], ["object", "object"]);
});

test("ConnectionGuard serves an address again three seconds after its last call for nothing, however many there were", async () => {
  using clock = useFakeClock();
  const guard = new ConnectionGuard(OPTIONS, new DeadlineQueue(clock));
  const permit = admitted(guard, "a");
  for (let call = 0; call < 10_000; call++) permit.wasted();
  permit.closed();

  await clock.advance(2_900);
  const early = guard.admit("a");
  await clock.advance(200);
  const later = guard.admit("a");

  assert.deepEqual([typeof early, typeof later], ["string", "object"]);
});

test("ConnectionGuard forgets an address that did nothing wrong, and of the others those that left first", () => {
  const guard = new ConnectionGuard({ ...OPTIONS, maxConnections: 20_000 });

  admitted(guard, "good").closed();
  const afterGood = guard.known;
  for (let address = 0; address < 12_000; address++) {
    const permit = admitted(guard, String(address));
    permit.wasted();
    permit.wasted();
    permit.closed();
  }

  assert.equal(afterGood, 0);
  assert.ok(guard.known <= 10_001, `${guard.known} addresses are remembered`);
  assert.equal(guard.open, 0);
});
