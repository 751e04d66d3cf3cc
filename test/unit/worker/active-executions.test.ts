import assert from "node:assert/strict";
import { test } from "node:test";
import { type ActiveExecution, ActiveExecutions } from "../../../src/worker/active-executions.ts";
import { Activity, idleMsIn } from "../../../src/worker/activity.ts";

interface Counted extends ActiveExecution {
  readonly reasons: unknown[];
  readonly refusals: string[];
}

function execution({ nested = false }: { readonly nested?: boolean } = {}): Counted {
  const reasons: unknown[] = [];
  const refusals: string[] = [];
  return {
    limited: undefined,
    permit: false,
    sinceMs: 0,
    task: {
      nested,
      routine: "",
      heldBytes: 0,
      argumentBytes: 0,
      sentBytes: 0,
      memory: undefined,
      holding: undefined,
      workerDrains() {},
    },
    reasons,
    refusals,
    stop: (reason) => reasons.push(reason),
    forsake() {},
    decline: (code, reason) => refusals.push(`${code} ${reason}`),
  };
}

function activeExecutions(activity?: Activity): ActiveExecutions {
  const room = { isFull: () => false, release() {} };
  return new ActiveExecutions({ activity, room, maxRootTasks: 2, budget: { taskBytes: 1_000 } });
}

function counting(...executions: readonly ActiveExecution[]): ActiveExecutions {
  const active = activeExecutions();
  for (const one of executions) active.add(one);
  return active;
}

test("ActiveExecutions gives permits to root tasks, and takes each back once", () => {
  const [root, nested] = [execution(), execution({ nested: true })];
  const active = counting(root, nested);
  const permits: number[] = [active.permits];

  active.releasePermit(root); // suspended at a yield
  active.releasePermit(root);
  permits.push(active.permits);
  active.takePermit(root);
  active.takePermit(root);
  active.takePermit(nested);
  permits.push(active.permits);
  active.ended(root);
  active.ended(root);
  permits.push(active.permits);

  assert.deepEqual(permits, [1, 0, 1, 0]);
  assert.equal(active.size, 1);
});

test("ActiveExecutions passes the permit on to the execution that replaces another, unless that is over", () => {
  const [first, second, third] = [execution(), execution(), execution()];
  const active = counting(first);

  assert.equal(active.replace(first, second), true);
  active.ended(first);
  assert.deepEqual([first.permit, second.permit, active.permits, active.size], [false, true, 1, 1]);
  active.ended(second);

  assert.equal(active.replace(second, third), false);
  assert.deepEqual([third.permit, active.permits, active.size], [false, 0, 0]);
});

for (const kind of ["root", "nested"] as const) {
  test(`ActiveExecutions leaves places for ${kind} tasks of others where a few callers have taken all that they get`, () => {
    const room = { isFull: () => false, release() {} };
    const maxRootTasks = 128;
    const budget = { taskBytes: 1e9 };
    const active = new ActiveExecutions({ activity: undefined, room, maxRootTasks, budget });
    const places = kind === "root" ? maxRootTasks : 2 * maxRootTasks;
    const account = () => ({ bodies: 0, taskBytes: 0, argumentBytes: 0 });
    const greedy = Array.from({ length: 8 }, account);
    const accepted = (caller: ReturnType<typeof account>): boolean => {
      if (active.excess(kind, caller) !== undefined) return false;
      const one = execution({ nested: kind === "nested" });
      active.add({ ...one, task: { ...one.task, memory: caller } });
      return true;
    };

    while (greedy.some(accepted));

    // One has taken all that it gets; each of the others still found room for a few.
    const fewOfOthers = (greedy.length - 1) * (places / 64 + 1);
    assert.equal(active.bodies, (places * 3) / 4 + fewOfOthers);
    const modest = account();
    assert.ok(accepted(modest));
    assert.ok(accepted(modest));
    const one = Array.from({ length: places }, account).filter(accepted).length;
    assert.equal(one, places / 4 - fewOfOthers - 2);
  });
}

test("ActiveExecutions gives a single caller all places where there are three or fewer", () => {
  for (const maxRootTasks of [1, 2, 3]) {
    const room = { isFull: () => false, release() {} };
    const budget = { taskBytes: 1e9 };
    const active = new ActiveExecutions({ activity: undefined, room, maxRootTasks, budget });
    const memory = { bodies: 0, taskBytes: 0, argumentBytes: 0 };
    while (active.excess("root", memory) === undefined) {
      const one = execution();
      active.add({ ...one, task: { ...one.task, memory } });
    }
    assert.equal(active.bodies, maxRootTasks);
  }
});

test("ActiveExecutions counts a body that goes on after its task until it ends", () => {
  const activity = new Activity();
  const active = activeExecutions(activity);
  const one = execution();
  active.add(one);

  active.orphaned(one);
  active.ended(one);
  const after = [active.size, active.bodies, idleMsIn(activity.memory)];
  active.bodyEnded(one);
  active.bodyEnded(one);

  assert.deepEqual(after, [0, 1, 0]);
  assert.equal(active.bodies, 0);
  assert.ok(idleMsIn(activity.memory) > 0, "there is nothing left to do");
});

test("ActiveExecutions is idle once every task is over", async () => {
  const [first, second] = [execution(), execution()];
  const active = counting(first, second);
  let idle = 0;
  const waiting = [active.idle(), active.idle()].map((promise) => promise.then(() => (idle += 1)));

  active.ended(first);
  await Promise.resolve();
  const before = idle;
  active.ended(second);
  await Promise.all(waiting);
  await active.idle();

  assert.deepEqual([before, idle], [0, 2]);
});

test("ActiveExecutions stops all that are there, also when they end at once", () => {
  const executions = [execution(), execution()];
  const active = counting(...executions);
  for (const one of executions) {
    const { stop } = one;
    one.stop = (reason) => {
      stop(reason);
      active.ended(one);
    };
  }

  active.stopAll("over");

  assert.deepEqual(
    executions.map(({ reasons }) => reasons),
    [["over"], ["over"]],
  );
  assert.equal(active.size, 0);
});

test("ActiveExecutions declines all that are there, also when they end at once", () => {
  const executions = [execution(), execution()];
  const active = counting(...executions);
  for (const one of executions) {
    const { decline } = one;
    one.decline = (code, reason) => {
      decline(code, reason);
      active.ended(one);
    };
  }

  active.declineAll(3, "over");

  assert.deepEqual(
    executions.map(({ refusals }) => refusals),
    [["3 over"], ["3 over"]],
  );
  assert.equal(active.size, 0);
});

test("ActiveExecutions has room for as many root tasks as there may be, and for twice as many of the network in all", () => {
  const caller = { bodies: 0, taskBytes: 0, argumentBytes: 0 };
  const active = counting(execution(), execution());

  const ofHost = [active.excess("root", undefined), active.excess("nested", undefined)];
  const ofNetwork = [active.excess("nested", caller)];
  for (let more = 0; more < 2; more++) active.add(execution({ nested: true }));
  ofNetwork.push(active.excess("nested", caller));

  assert.deepEqual(ofHost, [2, undefined]);
  assert.deepEqual(ofNetwork, [undefined, 4]);
});
