/** What the channels of `merino:call` tell of calls, whatever becomes of them: each part once, in order. */
import assert from "node:assert/strict";
import { channel, tracingChannel } from "node:diagnostics_channel";
import { describe, test } from "node:test";
import { currentTask } from "../../../../src/context/scope.ts";
import type { CallMessage, CallRefusal } from "../../../../src/telemetry/call-message.ts";
import { addRecorder, RECORDED, type Recorder } from "../../../../src/telemetry/recorder.ts";
import type { TraceContext } from "../../../../src/telemetry/trace-context.ts";
import { createNack } from "../../../../src/wire/messages/nack.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../../support/eventually.ts";
import { COMPLETED, FAILED, followTracing } from "../../../support/follow-channels.ts";
import { stubParent, useDispatcher } from "../../../support/use-dispatcher.ts";

/** What recorders are asked about code that is no call's and no execution's. */
const UNASKED: Pick<Recorder, "present" | "within"> = {
  present: (inherited) => inherited,
  within: () => ({ run: (fn) => fn() }),
};

const TRACE: ReadonlyMap<string, string> = new Map([
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
]);

/** Follows the calls of this process until it is disposed of. */
function followCalls(onStart: (call: CallMessage) => void = () => {}) {
  const told = new Map<CallMessage, string[]>();
  const refusals: CallRefusal[] = [];
  const tell = (message: unknown, part: string): void => {
    const call = message as CallMessage;
    told.set(call, [...(told.get(call) ?? []), part]);
  };
  const handlers = {
    start: (message: unknown) => {
      tell(message, "start");
      onStart(message as CallMessage);
    },
    end: (message: unknown) => tell(message, "end"),
    asyncStart: (message: unknown) => tell(message, "asyncStart"),
    asyncEnd: (message: unknown) => tell(message, "asyncEnd"),
    error: (message: unknown) => tell(message, "error"),
  };
  const onStep = (message: unknown): void => tell(message, "step");
  const onRefusal = (message: unknown): void => {
    const { call, refusal } = message as { call: CallMessage; refusal: CallRefusal };
    tell(call, "refused");
    refusals.push(refusal);
  };
  tracingChannel("merino:call").subscribe(handlers);
  channel("merino:call:step").subscribe(onStep);
  channel("merino:call:refused").subscribe(onRefusal);
  return {
    refusals,
    get calls(): readonly CallMessage[] {
      return [...told.keys()];
    },
    get parts(): readonly (readonly string[])[] {
      return [...told.values()];
    },
    [Symbol.dispose](): void {
      tracingChannel("merino:call").unsubscribe(handlers);
      channel("merino:call:step").unsubscribe(onStep);
      channel("merino:call:refused").unsubscribe(onRefusal);
    },
  };
}

describe("the record of a call", () => {
  test("tells of one that completes: where it went, how large it was", async () => {
    await using t = useDispatcher();
    using told = followCalls();
    t.add("a", { add: (x: number, y: number) => x + y });

    await t.call("add", [1, 2], { tag: "sums" });

    const [call] = told.calls;
    assert.deepEqual(told.parts, [COMPLETED]);
    assert.equal(call?.routine, "add");
    assert.equal(call.tag, "sums");
    assert.deepEqual([call.nested, call.streaming, call.attempts, call.steps], [false, false, 1, 0]);
    assert.deepEqual([call.worker?.uid, call.worker?.address], ["a", "/a"]);
    assert.deepEqual([call.outcome, call.error], ["completed", undefined]);
    assert.ok((call.requestBytes ?? 0) > 0 && call.responseBytes > 0);
    assert.match(call.id ?? "", /^[0-9a-f]{8}-/);
  });

  test("tells of one that throws, and of one whose arguments cannot be encoded", async () => {
    await using t = useDispatcher();
    using told = followCalls();
    const thrown = new TypeError("no");
    t.add("a", {
      fail: () => {
        throw thrown;
      },
    });

    await assert.rejects(t.call("fail"));
    assert.throws(() => t.call("fail", [() => {}]));

    assert.deepEqual(told.parts, [FAILED, FAILED]);
    assert.deepEqual(
      told.calls.map(({ outcome, attempts }) => [outcome, attempts]),
      [
        ["failed", 1],
        ["failed", 0],
      ],
    );
    assert.equal(told.calls[1]?.requestBytes, undefined);
    assert.equal(
      (told.calls[1]?.error as { code?: string } | undefined)?.code,
      "ERR_MERINO_NOT_SERIALIZABLE",
    );
  });

  test("tells of calls that are cancelled: before they start, while they wait, while they run", async () => {
    await using t = useDispatcher();
    using told = followCalls();
    const reason = new Error("enough");

    await assert.rejects(t.call("wait", [], { signal: AbortSignal.abort(reason) }));
    const waiting = new AbortController();
    const waits = t.call("wait", [], { signal: waiting.signal });
    waiting.abort(reason);
    await assert.rejects(waits);
    t.add("a", { wait: () => new Promise(() => {}) });
    const running = new AbortController();
    const runs = t.call("wait", [], { signal: running.signal });
    await eventually(() => told.calls[2]?.attempts === 1);
    running.abort(reason);
    await assert.rejects(runs);

    assert.deepEqual(told.parts, [FAILED, FAILED, FAILED]);
    assert.ok(told.calls.every(({ outcome, error }) => outcome === "cancelled" && error === reason));
  });

  test("tells of calls that a closing dispatcher refuses or ends, and of one that is lost", async () => {
    await using t = useDispatcher();
    using told = followCalls();
    t.add("a", { wait: () => new Promise(() => {}) });

    const lost = t.call("wait");
    await eventually(() => told.calls[0]?.attempts === 1);
    await eventually(() => t.worker("a").starts === 1);
    t.carrier("a").destroy(new Error("cut"));
    await assert.rejects(lost);
    const ended = t.call("wait");
    t.dispatcher.abortAll(() => new Error("ended"));
    await assert.rejects(ended);
    t.dispatcher.refuse(() => new Error("closing"));
    await assert.rejects(t.call("wait"));
    assert.throws(() => t.stream("wait"));

    assert.deepEqual(told.parts, [FAILED, FAILED, FAILED, FAILED]);
  });

  test("tells of each refusal, and of the call once", async () => {
    await using t = useDispatcher({
      refusing: { a: createNack(NackCode.DRAINING, "it \u001b[31mends") },
    });
    using told = followCalls((call) => {
      call.trace = TRACE;
    });
    t.add("a", {});
    await t.ready(1);

    const call = t.call("name");
    await eventually(() => told.refusals.length === 1);
    t.add("b", { name: () => "b" });

    assert.equal(await call, "b");
    assert.deepEqual(told.refusals, [{ worker: "a", code: "DRAINING", reason: "it \\u001b[31mends" }]);
    assert.deepEqual(told.parts, [["start", "end", "refused", "asyncStart", "asyncEnd"]]);
    assert.deepEqual([told.calls[0]?.attempts, told.calls[0]?.worker?.uid], [2, "b"]);
    assert.ok((told.calls[0]?.queuedMs ?? 0) > 0);
    await t.call("name");
    assert.equal(told.calls[1]?.queuedMs, 0, "it was sent at once");
  });

  test("tells of a stream from its first step on, however it ends", async () => {
    await using t = useDispatcher();
    using told = followCalls();
    t.add(
      "a",
      {
        count: async function* count() {
          yield 1;
          yield 2;
        },
      },
      {},
    );

    const whole = t.stream("count");
    assert.deepEqual(told.calls, []);
    for await (const _ of whole);
    const left = t.stream("count");
    await left.next();
    await left.return(undefined);
    const cancelled = new AbortController();
    const cut = t.stream("count", { signal: cancelled.signal });
    await cut.next();
    cancelled.abort();
    await assert.rejects(cut.next());
    const never = t.stream("count");
    await never.return(undefined);

    assert.deepEqual(told.parts, [
      ["start", "end", "step", "step", "asyncStart", "asyncEnd"],
      ["start", "end", "step", "asyncStart", "asyncEnd"],
      ["start", "end", "step", "error", "asyncStart", "asyncEnd"],
    ]);
    assert.deepEqual(
      told.calls.map(({ steps, outcome, streaming }) => [steps, outcome, streaming]),
      [
        [2, "completed", true],
        [1, "completed", true],
        [1, "cancelled", true],
      ],
    );
  });

  test("carries the trace of its parent, or that of a subscriber", async () => {
    await using t = useDispatcher();
    t.add("a", { name: () => "a" });
    const parent = { ...stubParent(), traceContext: TRACE };
    const other = new Map([["traceparent", "00-00000000000000000000000000000001-0000000000000001-00"]]);
    const traces: unknown[] = [];
    using told = followCalls((call) => {
      traces.push(call.trace);
      if (traces.length === 2) call.trace = other;
    });

    await t.call("name", [], undefined, parent);
    await t.call("name", [], undefined, parent);

    assert.deepEqual(traces, [TRACE, TRACE]);
    assert.deepEqual(
      told.calls.map(({ trace, nested }) => [trace, nested]),
      [
        [TRACE, true],
        [other, true],
      ],
    );
  });

  test("is not made for a call that the recorder leaves out, whose trace context travels all the same", async (context) => {
    await using t = useDispatcher();
    t.add("a", { name: () => currentTask()?.trace?.spanId });
    const made: (readonly [string, unknown])[] = [];
    let answer: TraceContext | undefined | typeof RECORDED = TRACE;
    const remove = addRecorder({
      leaveOutCall(routine, inherited) {
        made.push([routine, inherited]);
        return answer;
      },
      leaveOutExecution: () => undefined,
      ...UNASKED,
    });
    context.after(remove);
    using recorded = followTracing<CallMessage>("merino:recorded:call");
    const parent = { ...stubParent(), traceContext: new Map([["x-customer", "17"]]) };

    const left = await t.call("name", [], undefined, parent);
    assert.deepEqual(recorded.told, []);
    using told = followCalls();
    const toldToOthers = await t.call("name");
    assert.deepEqual(recorded.told, []);
    answer = RECORDED;
    const wanted = await t.call("name");
    remove();
    await t.call("name");

    assert.deepEqual([left, toldToOthers, wanted], ["b7ad6b7169203331", "b7ad6b7169203331", undefined]);
    assert.deepEqual(made, [
      ["name", parent.traceContext],
      ["name", undefined],
      ["name", undefined],
    ]);
    assert.deepEqual(told.parts, [COMPLETED, COMPLETED, COMPLETED]);
    assert.deepEqual(recorded.parts(), COMPLETED);
  });

  test("is harmed by no recorder that throws", async (context) => {
    const uncaught: unknown[] = [];
    process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error));
    context.after(() => process.setUncaughtExceptionCaptureCallback(null));
    const broken = new Error("of the recorder");
    const fail = (): never => {
      throw broken;
    };
    context.after(addRecorder({ leaveOutCall: fail, leaveOutExecution: fail, ...UNASKED }));
    await using t = useDispatcher();
    t.add("a", { name: () => "a" });

    assert.equal(await t.call("name"), "a");
    await eventually(() => uncaught.length === 2);

    assert.deepEqual(uncaught, [broken, broken]);
  });

  test("is harmed by no subscriber that throws, or that cancels the call", async (context) => {
    const uncaught: unknown[] = [];
    process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error));
    context.after(() => process.setUncaughtExceptionCaptureCallback(null));
    await using t = useDispatcher({ refusing: { a: createNack(NackCode.DRAINING, "") } });
    const abort = new AbortController();
    using told = followCalls(() => {
      throw new Error("of the subscriber");
    });
    t.add("b", { name: () => "b" });

    assert.equal(await t.call("name"), "b");
    assert.deepEqual(told.parts, [COMPLETED]);
    assert.equal((uncaught[0] as Error).message, "of the subscriber");

    const cancel = (): void => abort.abort(new Error("by the subscriber"));
    channel("merino:call:refused").subscribe(cancel);
    context.after(() => channel("merino:call:refused").unsubscribe(cancel));
    t.membership.observe({ type: "worker-dropped", worker: t.membership.members[0]?.metadata as never });
    t.add("a", {});
    await t.ready(1);
    await assert.rejects(t.call("name", [], { signal: abort.signal }), /by the subscriber/);

    assert.deepEqual(told.parts[1], ["start", "end", "refused", "error", "asyncStart", "asyncEnd"]);
    assert.equal(t.dispatcher.unsettled, 0);
    assert.equal(t.dispatcher.queued, 0);
  });
});
