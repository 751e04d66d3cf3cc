/** Which of the calls that wait is next, where some wait for what others do not need. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RoutineLimit } from "../../../../src/client/members/routine-limits.ts";
import { Lanes } from "../../../../src/client/waiting/lanes.ts";
import { leaveQueue } from "../../../../src/internal/queue/priority-queue.ts";
import { type CallWish, stubCall } from "../../../support/client-stubs.ts";

/** Lanes of which the test says who leaves. */
function useLanes() {
  const lanes = new Lanes();
  const left: string[] = [];
  return {
    lanes,
    left,
    add(name: string, wish: CallWish = {}, limit?: RoutineLimit) {
      const call = Object.assign(stubCall(name, wish), { limit });
      lanes.of(call).push(call);
      return call;
    },
    /** Offers all, and lets those leave of which the test says so. */
    drain(leaves: (name: string) => boolean = () => true, most = Number.POSITIVE_INFINITY): string[] {
      let count = 0;
      const names: string[] = [];
      lanes.drain((call, lane) => {
        if (count === most || !leaves(call.routine)) return false;
        count += 1;
        lane.take(call);
        names.push(call.routine);
        return true;
      });
      left.push(...names);
      return names;
    },
  };
}

describe("Lanes", () => {
  test("offers calls of all kinds in the order in which they came", () => {
    const { add, drain, lanes } = useLanes();
    const limit = new RoutineLimit("l", 1);
    add("1");
    add("2", { large: true });
    add("3", {}, limit);
    add("4");
    add("5", { needsThread: true });
    add("6", { large: true });
    add("7", { large: true }, limit);

    assert.equal(lanes.size, 7);
    assert.deepEqual(drain(), ["1", "2", "3", "4", "5", "6", "7"]);
    assert.equal(lanes.size, 0);
  });

  test("lets others past a call that waits for something in particular, and nobody of its own kind", () => {
    const { add, drain } = useLanes();
    const [one, other] = [new RoutineLimit("one", 1), new RoutineLimit("other", 1)];
    add("one", {}, one);
    add("thread", { needsThread: true });
    add("large", { large: true });
    add("plain");
    add("one too", {}, one);
    add("other", {}, other);

    assert.deepEqual(
      drain((name) => !["one", "thread", "large"].includes(name)),
      ["plain", "other"],
    );
    assert.deepEqual(drain(), ["one", "thread", "large", "one too"]);
  });

  test("lets nobody past a call that waits for room alone", () => {
    const { add, drain } = useLanes();
    const limit = new RoutineLimit("l", 1);
    add("older", {}, limit);
    add("plain");
    add("younger", { large: true });

    assert.deepEqual(
      drain((name) => name !== "plain"),
      ["older"],
    );
  });

  test("offers the highest priority first over all kinds, and goes past none more than seven times in a row", () => {
    const { add, drain } = useLanes();
    const limit = new RoutineLimit("l", 1);
    add("low", {}, limit);
    for (let n = 0; n < 20; n++) add(`${n}`, { priority: 3 });

    const order = drain();

    assert.equal(order.indexOf("low"), 7);
    add("one");
    add("two", { priority: 1 }, limit);
    assert.deepEqual(drain(), ["two", "one"]);
  });

  test("goes past none more than seven times in a row, in its own lane and in others together", () => {
    const { add, drain } = useLanes();
    const limit = new RoutineLimit("l", 1);
    add("low", {}, limit);
    const seen: string[] = [];
    for (let n = 0; n < 20; n++) {
      add("limited", { priority: 3 }, limit);
      add("plain", { priority: 3 });
      seen.push(...drain(undefined, 1));
    }

    assert.equal(seen.indexOf("low"), 7);
  });

  test("starves no lane while another one is always full", () => {
    const { add, drain } = useLanes();
    const limit = new RoutineLimit("l", 1);
    const seen: string[] = [];
    add("limited", {}, limit);
    add("limited", {}, limit);
    for (let n = 0; n < 10; n++) {
      add(`plain ${n}`);
      add("limited", {}, limit);
      seen.push(...drain(undefined, 1));
    }

    // Room for one at a time: both kinds have their turns.
    assert.ok(seen.filter((name) => name.startsWith("plain")).length >= 4, seen.join());
  });

  describe("of calls that need resources", () => {
    const gpu = (amount: number) => ({ needs: new Map([["gpu", amount * 1_000]]) });

    test("have their turn by priority and age among all others, and hold up nobody but those of the same needs", () => {
      const { add, drain } = useLanes();
      add("plain 1");
      add("one 1", gpu(1));
      add("plain 2");
      add("two", gpu(2));
      add("one 2", gpu(1));
      add("first", { ...gpu(1), priority: 1 });

      assert.deepEqual(
        drain((name) => name !== "two"),
        ["first", "plain 1", "one 1", "plain 2", "one 2"],
      );
      assert.deepEqual(drain(), ["two"]);
    });

    test("are told of when they wait on, and no plain call goes past another one for that", () => {
      const { add, lanes } = useLanes();
      add("one", gpu(1));
      add("plain");
      add("two", gpu(2));
      const lacking: string[] = [];

      lanes.drain(
        () => false,
        (call) => lacking.push(call.routine),
      );

      assert.deepEqual(lacking, ["one"]);
    });

    test("are gone past by seven calls in a row that take the same, whatever their priority, and by any number that do not", () => {
      const { add, drain } = useLanes();
      add("two", gpu(2));
      for (let n = 0; n < 8; n++) add(`other ${n}`, { needs: new Map([["license", 1_000]]), priority: 1 });
      for (let n = 0; n < 20; n++) add(`one ${n}`, { ...gpu(1), priority: 1 });
      let offered = 0;
      const order: string[] = [];
      // One at a time, and of the two GPUs one is always taken.
      for (let turn = 0; turn < 40; turn++) {
        order.push(
          ...drain((name) => {
            if (name === "two" && order.some((one) => one === "one 6")) offered += 1;
            return name !== "two" || offered > 0;
          }, 1),
        );
      }

      assert.deepEqual(
        order.slice(0, 8),
        Array.from({ length: 8 }, (_, n) => `other ${n}`),
      );
      assert.equal(order.indexOf("two"), 15);
    });

    test("wait before others of the same resource, of whatever amount, and before no others", () => {
      const { add, lanes } = useLanes();
      add("two", gpu(2));

      const wish = { limit: undefined, large: false, needsThread: false };
      assert.equal(lanes.precede({ ...wish, ...gpu(1) }), true);
      assert.equal(lanes.precede({ ...wish, needs: new Map([["license", 1]]) }), false);
      assert.equal(lanes.precede(wish), false);
      assert.equal(lanes.precedeLimited(undefined, gpu(5).needs), true);
      assert.equal(lanes.precedeLimited(undefined, new Map([["license", 1]])), false);
      assert.equal(lanes.precedeLimited(undefined), false);
      assert.deepEqual(
        lanes.needy().map(({ size }) => size),
        [1],
      );
      add("plain");
      assert.equal(lanes.precede({ ...wish, needs: new Map([["license", 1]]) }), true);
      assert.equal(lanes.precede({ ...wish, needs: new Map([["license", 1]]), nested: true }), false);
    });
  });

  test("forgets a call that has left, and says who waits before a new one", () => {
    const { add, lanes } = useLanes();
    const limit = new RoutineLimit("l", 1);
    const gone = add("gone", {}, limit);
    const large = add("large", { large: true });

    leaveQueue(gone);

    const [plain, limited] = [stubCall("p"), Object.assign(stubCall("l"), { limit })];
    assert.deepEqual(
      [lanes.precede(plain), lanes.precede(limited), lanes.precede(large)],
      [false, false, true],
    );
    assert.deepEqual([lanes.precedeLimited(limit), lanes.precedeLimited(undefined)], [false, false]);
    assert.deepEqual([lanes.size, lanes.oldest?.routine, lanes.limited().size], [1, "large", 0]);
    add("plain");
    assert.deepEqual([lanes.precede(limited), lanes.precedeLimited(limit)], [true, true]);
    assert.deepEqual(
      lanes.clear().map(({ routine }) => routine),
      ["plain", "large"],
    );
  });
});
