/** What the channels of `merino:execution` tell of executions whose ends are not the usual ones. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import { currentTask } from "../../../src/context/scope.ts";
import { executionChannel } from "../../../src/telemetry/channels.ts";
import type { ExecutionMessage } from "../../../src/telemetry/execution-message.ts";
import { addRecorder } from "../../../src/telemetry/recorder.ts";
import { NO_PAYLOAD } from "../../../src/wire/payload.ts";
import { eventually } from "../../support/eventually.ts";
import { followTracing } from "../../support/follow-channels.ts";
import { connect } from "../../support/protocol-peers.ts";

const FAILED = ["start", "end", "error", "asyncStart", "asyncEnd"];

/** Follows the executions of this process until it is disposed of. */
function followExecutions(onStart: (execution: ExecutionMessage) => void = () => {}) {
  const told = new Map<ExecutionMessage, string[]>();
  const teller = (part: string) => (message: unknown) => {
    const execution = message as ExecutionMessage;
    told.set(execution, [...(told.get(execution) ?? []), part]);
    if (part === "start") onStart(execution);
  };
  const handlers = {
    start: teller("start"),
    end: teller("end"),
    asyncStart: teller("asyncStart"),
    asyncEnd: teller("asyncEnd"),
    error: teller("error"),
  };
  executionChannel.subscribe(handlers);
  return {
    get executions(): readonly ExecutionMessage[] {
      return [...told.keys()];
    },
    get parts(): readonly (readonly string[])[] {
      return [...told.values()];
    },
    [Symbol.dispose](): void {
      executionChannel.unsubscribe(handlers);
    },
  };
}

describe("the record of an execution", () => {
  test("tells of one whose caller has gone once, and not again when its body ends", async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    using told = followExecutions();
    await using pair = await connect({ wait: () => gate });
    const { client, worker } = pair;
    client.call("wait");
    await eventually(() => worker.starts === 1);

    client.session.connection.close();
    await eventually(() => told.parts[0]?.length === FAILED.length);
    open();
    await eventually(() => worker.tasks.active.bodies === 0);

    assert.deepEqual(told.parts, [FAILED]);
    const [execution] = told.executions;
    assert.equal(execution?.outcome, "cancelled");
    assert.match(String(execution.error), /the caller is gone/i);
  });

  test("tells of one whose budget runs out as cancelled, and of one that never started nothing", async () => {
    using told = followExecutions();
    await using pair = await connect({
      wait: () =>
        new Promise((_, reject) => {
          const signal = currentTask()?.signal;
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
      block: () => {
        const end = performance.now() + 20;
        while (performance.now() < end);
      },
      late: () => {},
    });
    const { client } = pair;

    const { outcome } = client.call("wait", [], { budgetUs: 10_000 });
    await eventually(() => told.executions[0]?.outcome !== undefined); // its clock keeps no process alive
    await outcome;
    client.call("block");
    await client.call("late", [], { budgetUs: 1_000 }).outcome;

    assert.deepEqual(
      told.executions.map(({ routine, outcome: ended }) => [routine, ended]),
      [
        ["wait", "cancelled"],
        ["block", "completed"],
      ],
    );
    assert.equal((told.executions[0]?.error as Error | undefined)?.name, "TimeoutError");
  });

  test("leaves no frame of the library in the stack of what a body throws, however that is run", async () => {
    const around = new AsyncLocalStorage<string>();
    using _told = followExecutions((execution) => {
      execution.run = (fn) => around.run("around", fn);
    });
    await using pair = await connect({
      fail: function failingBody() {
        throw new RangeError(around.getStore());
      },
    });

    const answer = await pair.client.call("fail").outcome;

    const { message, stack = "" } = (answer as { readonly error: Error }).error;
    assert.equal(message, "around");
    assert.match(stack, /failingBody/);
    assert.doesNotMatch(stack, /run-through|execution-record|operation-messages|src\/worker/);
  });

  test("is not made for one that the recorder leaves out, whose code runs in its surroundings, beside subscribers as well", async (context) => {
    const around = new AsyncLocalStorage<string>();
    const asked: (readonly [string, unknown])[] = [];
    const surroundings = { run: <R>(fn: () => R): R => around.run("around", fn) };
    const remove = addRecorder({
      leaveOutCall: (_, inherited) => inherited,
      leaveOutExecution(routine, trace) {
        asked.push([routine, trace]);
        return surroundings;
      },
      present: (inherited) => inherited,
      within: () => surroundings,
    });
    context.after(remove);
    using recorded = followTracing<ExecutionMessage>("merino:recorded:execution");
    await using pair = await connect({
      count: async function* count() {
        yield around.getStore();
        yield around.getStore();
      },
      signal: () =>
        new Promise((resolve) => {
          currentTask()?.signal.addEventListener("abort", () => resolve(around.getStore()));
        }),
    });
    const steps = async (): Promise<readonly unknown[]> => {
      const call = pair.client.call("count", [], { generator: true });
      await call.yielded(1);
      pair.client.session.next(call.stream);
      await call.yielded(2);
      return call.values;
    };

    assert.deepEqual(await steps(), ["around", "around"]);
    const waiting = pair.client.call("signal");
    await eventually(() => pair.worker.tasks.active.bodies === 2);
    pair.client.session.cancel(waiting.stream, NO_PAYLOAD);
    await waiting.outcome;
    using told = followExecutions();
    assert.deepEqual(await steps(), ["around", "around"]);

    assert.equal(told.executions.length, 1);
    assert.deepEqual(recorded.told, []);
    assert.deepEqual(
      asked.map(([routine]) => routine),
      ["count", "signal", "count"],
    );
    remove();
    assert.deepEqual(await steps(), [undefined, undefined]);
  });

  test("runs what follows in the stores that are bound, and where none are in that of the task alone", async () => {
    const bound = new AsyncLocalStorage<string>();
    using _told = followExecutions();
    await using pair = await connect({
      count: async function* count() {
        yield bound.getStore();
        yield bound.getStore();
      },
    });
    const steps = async (): Promise<readonly unknown[]> => {
      const call = pair.client.call("count", [], { generator: true });
      await call.yielded(1);
      pair.client.session.next(call.stream);
      await call.yielded(2);
      return call.values;
    };

    executionChannel.start.bindStore(bound, () => "bound");
    const inStores = await steps();
    executionChannel.start.unbindStore(bound);

    assert.deepEqual(inStores, ["bound", "bound"]);
    assert.deepEqual(await steps(), [undefined, undefined]);
  });
});
