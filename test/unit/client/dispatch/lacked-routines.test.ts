/** Routines that some workers do not have, as while a new build is being rolled out: who is asked, and how often. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RoundRobinBalancer } from "../../../../src/balancer/round-robin-balancer.ts";
import { RefusalRecord } from "../../../../src/client/call/refusal-record.ts";
import { LackedRoutines } from "../../../../src/client/dispatch/lacked-routines.ts";
import type { Member } from "../../../../src/client/members/member.ts";
import { RoutineNotFoundError } from "../../../../src/errors/routine-not-found-error.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import type { Nack } from "../../../../src/wire/frames.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";
import { useDispatcher } from "../../../support/use-dispatcher.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const add = (a: number, b: number): number => a + b;
const UNKNOWN: Nack = { code: NackCode.UNKNOWN_ROUTINE, reason: "not here", retryAfterMs: 0, version: "" };

function useLacked(...uids: readonly string[]) {
  const clock = useFakeClock();
  const members = uids.map((uid) =>
    Object.assign(stubMember(uid), { metadata: workerMetadata({ uid }), own: false }),
  );
  const get = (uid: string): Member | undefined => members.find((member) => member.uid === uid);
  const lacked = new LackedRoutines({ members, get }, new DeadlineQueue(clock));
  const definitions = new Map<string, object>();
  const make = (routine: string) => {
    const definition = definitions.get(routine) ?? { id: routine };
    definitions.set(routine, definition);
    const call = Object.assign(stubCall(routine), { definition });
    const noteRefusal = (nack: Nack, { uid = "" }: { readonly uid?: string }): void => {
      call.refusals ??= new RefusalRecord();
      call.refusals.add(uid, nack);
    };
    return Object.assign(call, { noteRefusal }) as unknown as typeof call;
  };
  return {
    clock,
    members,
    lacked,
    make,
    member: (uid: string): (typeof members)[number] =>
      members.find((member) => member.uid === uid) ?? assert.fail(uid),
    refuse: (uid: string, routine: string, nack = UNKNOWN) =>
      lacked.add(make(routine), get(uid) ?? assert.fail(uid), nack),
    /** Which members a new call of the routine may be sent to. */
    asked(routine: string): string {
      const call = make(routine);
      lacked.recall(call, { asksAgain: true });
      return uids.filter((uid) => call.refusals?.has(uid) !== true).join("");
    },
    [Symbol.dispose]: () => clock[Symbol.dispose](),
  };
}

describe("LackedRoutines", () => {
  test("leaves out who lacks the routine, and nobody for other routines or other refusals", () => {
    using t = useLacked("a", "b");
    t.refuse("a", "add");
    t.refuse("b", "sub", { ...UNKNOWN, code: NackCode.NOT_EXPOSED });
    t.refuse("a", "mul", { ...UNKNOWN, code: NackCode.FULL });

    assert.deepEqual(
      [t.asked("add"), t.asked("sub"), t.asked("mul"), t.asked("div")],
      ["b", "a", "ab", "ab"],
    );
    assert.deepEqual(
      ["a", "b"].map((uid) => t.lacked.of(t.member(uid) as unknown as Member)),
      [["add"], ["sub"]],
    );
  });

  test("forgets what a member has said when it is connected anew, has another record, or has run the routine", () => {
    const changes: readonly ((t: ReturnType<typeof useLacked>) => unknown)[] = [
      (t) => Object.assign(t.member("a"), { peer: {} }),
      (t) => Object.assign(t.member("a"), { metadata: workerMetadata({ uid: "a", build: "b" }) }),
      (t) => t.lacked.clear(Object.assign(t.make("add"), { lastUid: "a" })),
    ];
    for (const change of changes) {
      using t = useLacked("a", "b");
      t.refuse("a", "add");
      assert.equal(t.asked("add"), "b");

      change(t);

      assert.equal(t.asked("add"), "ab");
      assert.deepEqual(t.lacked.of(t.member("a") as unknown as Member), []);
    }
  });

  test("asks members that all lack a routine again, each at a growing pause of a second at most", async () => {
    using t = useLacked("a", "b");
    t.refuse("a", "add");
    t.refuse("b", "add");

    const pausesMs: number[] = [];
    for (let sinceMs = 0; pausesMs.length < 12; sinceMs += 5, await t.clock.advance(5)) {
      if (!t.asked("add").includes("a")) continue;
      assert.equal(t.asked("add").includes("a"), false, "the next call fails at once");
      pausesMs.push(sinceMs);
      sinceMs = 0;
    }

    assert.ok((pausesMs[0] ?? 0) >= 40 && (pausesMs[0] ?? 0) <= 65, String(pausesMs));
    for (const pauseMs of pausesMs.slice(8)) assert.ok(pauseMs >= 800 && pauseMs <= 1_210, String(pausesMs));
  });

  test("waits for one that cannot be reached now, and not for one that takes no root calls", () => {
    using t = useLacked("a", "b", "c");
    t.refuse("a", "add");
    Object.assign(t.member("c"), { draining: true });
    Object.assign(t.member("b"), { ready: false, state: { kind: "backing-off" } });
    assert.equal(t.asked("add"), "bc");

    t.refuse("b", "add");
    assert.equal(t.asked("add"), "c");
  });

  test("always asks the program's own workers, if there is nobody else", () => {
    using t = useLacked("a");
    Object.assign(t.member("a"), { own: true });
    t.refuse("a", "add");

    assert.equal(t.asked("add"), "a");
    assert.equal(t.asked("add"), "a");
  });

  test("remembers a bounded number of answers, the newest", () => {
    using t = useLacked("a", "b");
    for (let n = 0; n < 3_000; n++) t.refuse("a", `routine ${n}`);

    assert.equal(t.lacked.of(t.member("a") as unknown as Member).length, 1_024);
    assert.deepEqual([t.asked("routine 0"), t.asked("routine 2999")], ["ab", "b"]);
  });
});

describe("CallDispatcher", () => {
  test("asks a worker for a routine that it lacks once, and sends its calls to the one that has it", async () => {
    await using t = useDispatcher({ balancer: new RoundRobinBalancer() });
    t.add("old", { other: add });
    t.add("new", { other: add, add });
    await t.ready(2);

    for (let n = 0; n < 40; n++) assert.equal(await t.call("add", [n, 1]), n + 1);
    const others = await Promise.all(Array.from({ length: 40 }, (_, n) => t.call("other", [n, 1])));

    assert.equal(t.worker("old").requests.filter(({ id }) => id === "add").length, 1);
    assert.equal(t.dispatcher.counts.redirected, 1);
    assert.deepEqual(
      others,
      Array.from({ length: 40 }, (_, n) => n + 1),
    );
    const members = ["old", "new"].map((uid) => t.membership.get(uid) ?? assert.fail(uid));
    assert.deepEqual(
      members.map((member) => t.dispatcher.lackedBy(member)),
      [["add"], []],
    );
  });

  test("has calls of a routine wait for the one worker that has it without holding up others", async () => {
    await using t = useDispatcher();
    const waiting: Array<() => void> = [];
    const hold = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
    t.add("old", { other: add });
    await t.ready(1);
    t.add("new", { add, hold }, { maxRootTasks: 1 });
    await t.ready(2);
    await Promise.all([t.call("add", [1, 2]), t.call("add", [1, 2])]); // the first of a routine go one to each
    const held = t.call("hold");
    await eventually(() => waiting.length === 1);

    const late = [t.call("add", [3, 4]), t.call("add", [5, 6])];
    assert.deepEqual(await Promise.all([t.call("other", [1, 1]), t.call("other", [2, 2])]), [2, 4]);
    assert.equal(t.worker("old").requests.filter(({ id }) => id === "add").length, 1);

    waiting.shift()?.();
    await held;
    assert.deepEqual(await Promise.all(late), [7, 11]);
  });

  test("asks again once a worker is connected anew, which may run another build by then", async () => {
    await using t = useDispatcher();
    t.add("a", {});
    await t.ready(1);
    await assert.rejects(t.call("add", [1, 2]), RoutineNotFoundError);
    assert.deepEqual(t.dispatcher.lackedBy(t.membership.get("a") ?? assert.fail()), ["add"]);

    const { peer } = t.membership.get("a") ?? {};
    t.add("a", { add }); // the record is the same; the next connection leads to another process
    t.carrier("a").cut();
    await eventually(() => t.membership.get("a")?.ready === true && t.membership.get("a")?.peer !== peer);

    assert.equal(await t.call("add", [1, 2]), 3);
    assert.deepEqual(t.dispatcher.lackedBy(t.membership.get("a") ?? assert.fail()), []);
  });
});
