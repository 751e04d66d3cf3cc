/** How many calls wait, and which are held until they may: calls that could run are never held behind others that cannot. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RoutineLimit } from "../../../../src/client/members/routine-limits.ts";
import type { HeldCall } from "../../../../src/client/waiting/held-call.ts";
import { type Overflow, QueueBound, type QueueEvent } from "../../../../src/client/waiting/queue-bound.ts";
import type { CallRequest } from "../../../../src/context/dispatcher.ts";
import { QueueFullError } from "../../../../src/errors/queue-full-error.ts";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";
import type { Amounts } from "../../../../src/internal/amounts.ts";
import { stubCall } from "../../../support/client-stubs.ts";
import { stubParent } from "../../../support/use-dispatcher.ts";

/** A bound around a queue that the test plays. */
function useBound(overflow: Overflow, maxQueue = 2) {
  const limits = new Map<RoutineDefinition, RoutineLimit>();
  const needs = new Map<RoutineDefinition, Amounts>();
  const world = { queued: 0, plain: false, waitingFor: new Set<RoutineLimit | Amounts | string>() };
  const events: QueueEvent[] = [];
  const admitted: string[] = [];
  const bound = new QueueBound({
    maxQueue,
    overflow,
    queued: () => world.queued,
    limits: { of: (definition) => limits.get(definition), needsOf: (definition) => needs.get(definition) },
    inLine: (line) => {
      if (typeof line === "string") return world.waitingFor.has(line);
      if (line !== undefined && "needs" in line) return world.plain || world.waitingFor.has(line.needs);
      return world.plain || (line !== undefined && world.waitingFor.has(line));
    },
    events: { queueChanged: (event) => events.push(event) },
  });
  const routine = (id: string): RoutineDefinition => ({
    id,
    name: id,
    module: undefined,
    kind: "function",
    body: () => {},
    declaredIn: undefined,
    timeoutMs: undefined,
    routine: {},
  });
  return {
    bound,
    world,
    limits,
    needs,
    events,
    admitted,
    routine,
    request: (definition: RoutineDefinition, fields: Partial<CallRequest> = {}): CallRequest => ({
      definition,
      receiver: undefined,
      parameters: [],
      options: undefined,
      parent: undefined,
      ...fields,
    }),
    /** Holds a call; when it is made, it is noted, and waits in the queue if `joins` says so. */
    hold(request: CallRequest, joins: () => void = () => {}): HeldCall {
      const held = bound.hold(request);
      held.admitted.then(
        () => {
          bound.release(held);
          admitted.push(request.definition.id);
          joins();
        },
        () => bound.release(held),
      );
      return held;
    },
    [Symbol.dispose]() {
      bound.abortAll(() => new Error("the test is over"));
    },
  };
}

/** Lets what has been put off to the end of the turn happen. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("QueueBound", () => {
  test("holds a call while others wait before it and as many wait as may", () => {
    using use = useBound("wait");
    const { bound, world, routine, request } = use;
    const call = request(routine("r"));

    const free = bound.holds(call);
    Object.assign(world, { queued: 1, plain: true });
    const behindOne = bound.holds(call);
    world.queued = 2;
    const behindTwo = bound.holds(call);
    const nested = bound.holds({ ...call, parent: stubParent() });

    assert.deepEqual([free, behindOne, behindTwo, nested], [false, false, true, false]);
  });

  test("does not hold a call that nobody waits before, however many wait for something else", async () => {
    using use = useBound("wait");
    const { bound, world, limits, routine, request, hold, admitted } = use;
    const [limited, plain] = [routine("limited"), routine("plain")];
    const limit = new RoutineLimit("limited", 1);
    limits.set(limited, limit);
    world.queued = 2;
    world.waitingFor.add(limit);

    const held = hold(request(limited));
    await turn();

    assert.equal(held.isOver, false);
    assert.deepEqual([bound.holds(request(limited)), bound.holds(request(plain))], [true, false]);
    assert.deepEqual(
      [bound.holds(request(plain, { only: "a" })), bound.holds(request(limited, { only: "a" }))],
      [false, false],
    );
    world.waitingFor.delete(limit);
    bound.check();
    await turn();
    assert.deepEqual(admitted, ["limited"]);
  });

  test("holds a call that needs resources while others wait for those, and no other one", async () => {
    using use = useBound("wait");
    const { bound, world, needs, routine, request, hold, admitted } = use;
    const gpu = new Map([["gpu", 1_000]]);
    const [declared, learned, plain] = [
      { ...routine("declared"), needs: gpu },
      routine("learned"),
      routine("plain"),
    ];
    needs.set(learned, gpu);
    world.queued = 2;
    world.waitingFor.add(gpu);

    hold(request(declared));
    hold(request(learned));
    await turn();

    assert.equal(bound.unmade, 2);
    assert.equal(bound.holds(request(plain)), false);
    world.waitingFor.delete(gpu);
    bound.check();
    await turn();
    assert.deepEqual(admitted, ["declared", "learned"]);
  });

  test("has a held call made once nobody waits before it, one at a time, though the queue is as full as before", async () => {
    using use = useBound("wait");
    const { bound, world, routine, request, hold, admitted } = use;
    Object.assign(world, { queued: 2, plain: true });
    for (const id of ["1", "2", "3"]) {
      const joins = (): void => {
        world.plain = id === "2"; // it finds no room, and waits
        if (id === "2") world.queued += 1;
      };
      hold(request(routine(id)), joins);
    }
    assert.equal(bound.held, 3);

    world.plain = false;
    bound.check();
    await turn();
    assert.deepEqual(admitted, ["1", "2"]);
    assert.deepEqual([bound.held, bound.unmade, bound.beyond], [2, 1, 1]);

    Object.assign(world, { queued: 1 });
    bound.check();
    await turn();
    assert.deepEqual(admitted, ["1", "2", "3"]);
    assert.equal(bound.held, 0);
  });

  test("holds all once as many wait beyond the bound as within it, and sixteen", () => {
    using use = useBound("wait");
    const { bound, world, routine, request } = use;

    world.queued = 17;
    const before = bound.holds(request(routine("r")));
    world.queued = 18;

    assert.deepEqual([before, bound.holds(request(routine("r")))], [false, true]);
  });

  test("gives places by priority over all that are held, and then in order", async () => {
    using use = useBound("wait", 10);
    const { bound, world, limits, routine, request, hold, admitted } = use;
    const limit = new RoutineLimit("limited", 1);
    const limited = routine("limited");
    limits.set(limited, limit);
    Object.assign(world, { queued: 10, plain: true });
    hold(request(routine("1")));
    hold(request(limited, { options: { priority: 1 } }));
    hold(request(routine("2"), { options: { priority: 2 } }));
    hold(request(routine("3")));

    world.queued = 0;
    bound.check();
    await turn();

    assert.deepEqual(admitted, ["2", "limited", "1", "3"]);
  });

  test("moves a held call to the line of the limit that has been learned meanwhile", async () => {
    using use = useBound("wait");
    const { bound, world, limits, routine, request, hold, admitted } = use;
    const [learned, other] = [routine("learned"), routine("other")];
    Object.assign(world, { queued: 2, plain: true });
    hold(request(learned));
    hold(request(other));
    const limit = new RoutineLimit("learned", 1);
    limits.set(learned, limit);

    world.plain = false;
    world.waitingFor.add(limit);
    bound.check();
    await turn();

    assert.deepEqual(admitted, ["other"]);
    assert.equal(bound.unmade, 1);
  });

  test("refuses a call that has to wait when as many wait as may, unless it has waited before or comes back", () => {
    using use = useBound("reject");
    const { bound, world, events } = use;
    world.queued = 1;
    const [first, second] = [stubCall("1"), stubCall("2")];
    const back = Object.assign(stubCall("back"), { lastUid: "w" });
    const waited = stubCall("waited");
    waited.waits();

    const one = bound.admits(first);
    world.queued = 2;
    const more = [second, back, waited, stubCall("nested", { nested: true })].map((call) =>
      bound.admits(call),
    );

    assert.equal(one, true);
    assert.deepEqual(more, [false, true, true, true]);
    assert.ok(second.failures[0] instanceof QueueFullError);
    assert.deepEqual(events, [{ type: "queue-full", queued: 2, overflow: "reject" }]);
    assert.equal(bound.held, 0);
  });

  test("tells of its end once nobody waits, and those who wait for it", async () => {
    using use = useBound("wait");
    const { bound, world, routine, request, hold, events } = use;
    Object.assign(world, { queued: 2, plain: true });
    hold(request(routine("1")));
    let drained = false;
    const waiting = bound.drained().then(() => {
      drained = true;
    });
    await turn();
    assert.equal(drained, false);

    Object.assign(world, { queued: 0, plain: false });
    bound.check();
    await waiting;
    await bound.allMade();

    assert.deepEqual(
      events.map(({ type }) => type),
      ["queue-full", "queue-drained"],
    );
  });

  test("ends those that have not been made", async () => {
    using use = useBound("wait");
    const { bound, world, routine, request, hold, admitted } = use;
    Object.assign(world, { queued: 2, plain: true });
    const one = hold(request(routine("1")));
    const rejected = assert.rejects(one.admitted, /enough/);

    bound.failAll(() => new Error("enough"));
    await rejected;
    await bound.allMade();

    assert.deepEqual([one.isCancelled, bound.held, admitted.length], [false, 0, 0]);
  });
});
