// own process: OpenTelemetry keeps its globals, and the SDK listens to the process
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { tracing } from "@opentelemetry/sdk-node";
import { TaskRefusedError } from "../../../src/errors/task-refused-error.ts";
import { instrument } from "../../../src/opentelemetry/instrument.ts";
import type { CallMessage } from "../../../src/telemetry/call-message.ts";
import {
  callChannel,
  callStepChannel,
  executionChannel,
  executionStepChannel,
  poolChannel,
  poolCloseChannel,
  recordedCallChannel,
  recordedCallStepChannel,
  recordedExecutionChannel,
  recordedExecutionStepChannel,
  recordedRefusedChannel,
  refusedChannel,
} from "../../../src/telemetry/channels.ts";
import type { ExecutionMessage } from "../../../src/telemetry/execution-message.ts";
import { recording } from "../../../src/telemetry/recorder.ts";
import { TraceOfIds } from "../../../src/telemetry/trace-of-ids.ts";
import {
  beginCall,
  beginExecution,
  callMessage,
  end,
  executionMessage,
  refuse,
  step,
} from "../../support/telemetry-messages.ts";
import { useOpenTelemetry } from "../../support/use-opentelemetry.ts";

const ROUTINE = "shop/jobs#add";
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const sampled = new Map([["traceparent", `00-${TRACE_ID}-${PARENT_ID}-01`]]);
const unsampled = new Map([["traceparent", `00-${TRACE_ID}-${PARENT_ID}-00`]]);
const STEPS = [callStepChannel, executionStepChannel, recordedCallStepChannel, recordedExecutionStepChannel];

describe("instrument", () => {
  test("makes a CLIENT span below the active one, and sends its context along", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const call = callMessage();

    trace.getTracer("test").startActiveSpan("request", (request) => {
      beginCall(call);
      request.end();
    });
    end(call, {
      id: "task-1",
      outcome: "completed",
      attempts: 1,
      worker: { uid: "worker-1", address: "10.0.0.7:4000", version: "0.1.0" },
      requestBytes: 12,
      responseBytes: 3,
      queuedMs: 5,
    });

    const request = telemetry.span("request", SpanKind.INTERNAL).spanContext();
    const span = telemetry.span(ROUTINE, SpanKind.CLIENT);
    assert.equal(span.parentSpanContext?.spanId, request.spanId);
    assert.equal(call.trace?.get("traceparent"), `00-${request.traceId}-${span.spanContext().spanId}-01`);
    assert.deepEqual(span.attributes, {
      "rpc.system.name": "merino",
      "rpc.method": ROUTINE,
      "server.address": "10.0.0.7",
      "server.port": 4000,
      "network.transport": "tcp",
      "merino.worker.uid": "worker-1",
      "code.function.name": "add",
      "code.file.path": "/shop/jobs.js",
      "merino.task.id": "task-1",
      "merino.attempts": 1,
      "merino.queue.duration": 0.005,
      "merino.request.size": 12,
      "merino.response.size": 3,
      "merino.outcome": "completed",
    });
    assert.equal(span.status.code, SpanStatusCode.UNSET);
  });

  test("keeps fields that the propagator does not know", async () => {
    await using _telemetry = useOpenTelemetry();
    using _on = instrument();
    const call = callMessage({ trace: new Map([...sampled, ["x-customer", "17"]]) });

    beginCall(call);

    assert.equal(call.trace?.get("x-customer"), "17");
    assert.doesNotMatch(call.trace?.get("traceparent") ?? "", new RegExp(PARENT_ID));
  });

  test("makes a SERVER span below what came, and runs the body in its context with the baggage", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const execution = executionMessage({ trace: new Map([...sampled, ["baggage", "tenant=acme"]]) });

    beginExecution(execution);
    const seen = execution.run?.(() => ({
      spanId: trace.getActiveSpan()?.spanContext().spanId,
      tenant: propagation.getActiveBaggage()?.getEntry("tenant")?.value,
    }));
    end(execution, { outcome: "completed" });

    const span = telemetry.span(ROUTINE, SpanKind.SERVER);
    assert.equal(span.spanContext().traceId, TRACE_ID);
    assert.equal(span.parentSpanContext?.spanId, PARENT_ID);
    assert.deepEqual(seen, { spanId: span.spanContext().spanId, tenant: "acme" });
    assert.equal(execution.trace?.get("traceparent"), `00-${TRACE_ID}-${span.spanContext().spanId}-01`);
    assert.equal(execution.trace?.get("baggage"), "tenant=acme");
  });

  test("calls how another subscriber has bodies run, inside", async () => {
    await using _telemetry = useOpenTelemetry();
    using _on = instrument();
    const order: string[] = [];
    const run: ExecutionMessage["run"] = (fn) => {
      order.push(trace.getActiveSpan() === undefined ? "outside" : "inside");
      return fn();
    };
    const execution = executionMessage({ run });

    beginExecution(execution);
    execution.run?.(() => order.push("body"));

    assert.deepEqual(order, ["inside", "body"]);
  });

  test("records an error once, where it was thrown", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const error = new RangeError("no real root");
    const [call, execution] = [callMessage(), executionMessage()];

    beginCall(call);
    beginExecution(execution);
    // What a nested call was rejected with ends the task that made it.
    end(call, { outcome: "failed", error, thrownByBody: true });
    end(execution, { outcome: "failed", error });

    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      const span = telemetry.span(ROUTINE, kind);
      assert.deepEqual(span.status, { code: SpanStatusCode.ERROR, message: "no real root" });
      assert.equal(span.attributes["error.type"], "RangeError");
      assert.deepEqual(span.events, []);
    }
  });

  test("records what a body throws on the span of its execution, with its stack", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const execution = executionMessage();

    beginExecution(execution);
    end(execution, { outcome: "failed", error: new RangeError("no real root") });

    const [event, ...others] = telemetry.span(ROUTINE, SpanKind.SERVER).events;
    assert.equal(event?.name, "exception");
    assert.equal(event?.attributes?.["exception.type"], "RangeError");
    assert.match(String(event?.attributes?.["exception.stacktrace"]), /instrument\.test\.ts/);
    assert.deepEqual(others, []);
  });

  test("records what no body has thrown on the span of the call, by its code", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const call = callMessage();
    const refusal = { worker: "worker-1", code: "OVERLOADED", reason: "too much" };

    beginCall(call);
    refuse(call, refusal);
    end(call, { outcome: "failed", error: new TaskRefusedError("TOO_LARGE", "refused") });

    const span = telemetry.span(ROUTINE, SpanKind.CLIENT);
    assert.deepEqual(
      span.events.map(({ name }) => name),
      ["refused", "exception"],
    );
    assert.deepEqual(span.events[0]?.attributes, {
      "merino.worker.uid": "worker-1",
      "merino.refusal.code": "OVERLOADED",
      "merino.refusal.reason": "too much",
    });
    assert.equal(span.attributes["error.type"], "ERR_MERINO_REFUSED");
  });

  test("makes no error of a cancellation", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const call = callMessage();

    beginCall(call);
    end(call, { outcome: "cancelled", error: new DOMException("enough", "AbortError") });

    const span = telemetry.span(ROUTINE, SpanKind.CLIENT);
    assert.equal(span.attributes["merino.outcome"], "cancelled");
    assert.equal(span.status.code, SpanStatusCode.UNSET);
    assert.deepEqual(span.events, []);
  });

  test("adds an event for each step if it is told to", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument({ steps: true });
    const [call, execution] = [callMessage({ streaming: true }), executionMessage({ streaming: true })];

    beginCall(call);
    beginExecution(execution);
    for (const steps of [1, 2]) {
      step(execution, steps);
      step(call, steps);
    }
    end(execution, { outcome: "completed" });
    end(call, { outcome: "completed" });

    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      const span = telemetry.span(ROUTINE, kind);
      assert.deepEqual(
        span.events.map(({ name, attributes }) => [name, attributes?.["merino.step"]]),
        [
          ["step", 1],
          ["step", 2],
        ],
      );
      assert.equal(span.attributes["merino.steps"], 2);
    }
  });

  test("listens to no steps otherwise", async () => {
    await using _telemetry = useOpenTelemetry();
    using _on = instrument();

    for (const channel of STEPS) assert.equal(channel.hasSubscribers, false);
  });

  test("exports nothing of a trace that is not sampled, whose ids travel all the same", async () => {
    await using telemetry = useOpenTelemetry(new tracing.AlwaysOffSampler());
    using _on = instrument();
    const [call, execution] = [callMessage(), executionMessage()];

    beginCall(call);
    execution.trace = call.trace;
    beginExecution(execution);
    end(execution, { outcome: "completed" });
    end(call, { outcome: "completed" });

    assert.match(call.trace?.get("traceparent") ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.deepEqual(telemetry.spans, []);
  });

  test("asks the sampler for one of a thousand spans in traces that are not sampled", async () => {
    const asked: string[] = [];
    const inner = new tracing.ParentBasedSampler({ root: new tracing.AlwaysOnSampler() });
    const sampler: tracing.Sampler = {
      shouldSample(...parameters) {
        asked.push(parameters[2]);
        return inner.shouldSample(...parameters);
      },
      toString: () => "counting",
    };
    await using telemetry = useOpenTelemetry(sampler);
    using _on = instrument({ metrics: false });
    const contexts = new Set<string | undefined>();

    for (let made = 0; made < 3_003; made++) {
      const execution = executionMessage({ trace: new Map([...unsampled, ["baggage", "tenant=acme"]]) });
      beginExecution(execution);
      execution.run?.(() => {
        const call = callMessage({ nested: true, trace: execution.trace });
        beginCall(call);
        contexts.add(call.trace?.get("traceparent")?.slice(0, 35));
        if (made % 1_000 > 0) {
          assert.equal(propagation.getActiveBaggage()?.getEntry("tenant")?.value, "acme");
          assert.equal(trace.getActiveSpan()?.spanContext().traceId, TRACE_ID);
          assert.equal(context.active().getValue(Symbol("unknown")), undefined);
        }
        end(call, { outcome: "completed" });
      });
      end(execution, { outcome: "completed" });
    }

    assert.equal(asked.length, 6);
    assert.deepEqual([...contexts], [`00-${TRACE_ID}`]);
    assert.deepEqual(telemetry.spans, []);
  });

  test("asks a sampler that samples below what is not sampled every time", async () => {
    await using telemetry = useOpenTelemetry(new tracing.AlwaysOnSampler());
    using _on = instrument();

    for (let made = 0; made < 3; made++) {
      const execution = executionMessage({ trace: unsampled });
      beginExecution(execution);
      end(execution, { outcome: "completed" });
    }

    assert.equal(telemetry.spans.length, 3);
  });

  test("asks the propagator for one of a thousand contexts of which ids alone travel, and for each other", async () => {
    await using _telemetry = useOpenTelemetry();
    using _on = instrument({ metrics: false });
    const asked = countInjections(["traceparent", "tracestate", "baggage"]);
    const request = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: TRACE_ID,
      spanId: PARENT_ID,
      traceFlags: 0,
    });
    const baggage = propagation.createBaggage({ tenant: { value: "acme" } });
    const call = (active: Context): CallMessage => {
      const made = callMessage();
      context.with(active, () => beginCall(made));
      return made;
    };

    for (let made = 0; made < 1_001; made++) {
      const own = trace.setSpanContext(request, { traceId: TRACE_ID, spanId: PARENT_ID, traceFlags: 0 });
      assert.match(call(own).trace?.get("traceparent") ?? "", new RegExp(`^00-${TRACE_ID}-\\w{16}-00$`));
    }
    assert.ok(asked.count <= 2, String(asked.count));
    asked.count = 0;
    call(propagation.setBaggage(request, baggage));
    assert.equal(asked.count, 1);
    const suppressed = createContextKey("OpenTelemetry SDK Context Key SUPPRESS_TRACING");
    call(request.setValue(suppressed, true));
    assert.equal(asked.count, 2);
  });

  test("asks a propagator that has fields of its own every time", async () => {
    await using _telemetry = useOpenTelemetry();
    using _on = instrument({ metrics: false });
    const asked = countInjections(["traceparent", "x-customer"]);

    for (let made = 0; made < 5; made++) {
      const call = callMessage();
      beginCall(call);
      assert.equal(call.trace?.get("x-customer"), "17");
    }

    assert.equal(asked.count, 5);
  });

  test("has code of a task in the context of the ids that came, whatever the propagator was asked", async () => {
    await using _telemetry = useOpenTelemetry();
    using _on = instrument({ metrics: false });

    for (let made = 0; made < 4; made++) {
      for (const flags of [0, 1]) {
        const carried = TraceOfIds.of(TRACE_ID, PARENT_ID, flags);
        const execution = executionMessage({ trace: carried });
        beginExecution(execution);
        const seen = execution.run?.(() => trace.getActiveSpan()?.spanContext());

        assert.equal(seen?.traceId, TRACE_ID);
        assert.equal(seen.traceFlags, flags);
        assert.equal(execution.trace?.get("traceparent"), `00-${TRACE_ID}-${seen.spanId}-0${flags}`);
        assert.equal(seen.spanId === PARENT_ID, flags === 0 && made > 0);
        end(execution, { outcome: "completed" });
      }
    }
  });

  test("leaves what travels alone while no SDK is registered", () => {
    using _on = instrument();
    const [call, execution] = [callMessage({ trace: sampled }), executionMessage({ trace: sampled })];

    beginCall(call);
    beginExecution(execution);

    assert.equal(call.trace, sampled);
    assert.equal(execution.trace, sampled);
    assert.equal(execution.run, undefined);
  });

  test("is told of no call or execution that it leaves out, and of streams, which it cannot know before their first step", async () => {
    await using _telemetry = useOpenTelemetry();
    using _on = instrument({ metrics: false });
    const request = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: TRACE_ID,
      spanId: PARENT_ID,
      traceFlags: 0,
    });
    const told: string[] = [];
    const listener = (message: unknown): void => void told.push((message as CallMessage).routine);
    for (const channel of [recordedCallChannel.start, recordedExecutionChannel.start])
      channel.subscribe(listener);

    for (let made = 0; made < 10; made++) {
      const call = callMessage({ routine: "call" });
      const stream = callMessage({ routine: "stream", streaming: true });
      context.with(request, () => {
        beginCall(call);
        beginCall(stream);
      });
      const execution = executionMessage({ routine: "execution", trace: call.trace });
      beginExecution(execution);
      for (const message of [call, stream]) {
        assert.match(message.trace?.get("traceparent") ?? "", new RegExp(`^00-${TRACE_ID}-\\w{16}-00$`));
        end(message, { outcome: "completed" });
      }
      end(execution, { outcome: "completed" });
    }
    for (const channel of [recordedCallChannel.start, recordedExecutionChannel.start])
      channel.unsubscribe(listener);

    assert.deepEqual(
      told.filter((routine) => routine !== "stream"),
      ["call", "execution"],
    );
    assert.equal(told.length, 12);
  });

  test("has everything recorded where it is in force twice", async () => {
    await using telemetry = useOpenTelemetry(new tracing.AlwaysOffSampler());
    using _one = instrument({ metrics: false });
    using _other = instrument({ metrics: false });
    const execution = executionMessage({ trace: unsampled });
    let told = 0;
    const listener = (): void => {
      told += 1;
    };
    recordedExecutionChannel.start.subscribe(listener);

    for (let made = 0; made < 3; made++) beginExecution(execution);
    recordedExecutionChannel.start.unsubscribe(listener);

    assert.equal(told, 3);
    assert.deepEqual(telemetry.spans, []);
  });

  test("passes on what came with a task without an SDK, whose code is in its context where there is a propagator", async () => {
    using _on = instrument({ metrics: false });
    countInjections(["traceparent"]);
    const execution = executionMessage({ trace: sampled });
    const calls = [callMessage({ trace: sampled }), callMessage({ trace: sampled, streaming: true })];

    beginExecution(execution);
    const active = execution.run?.(() => {
      for (const call of calls) beginCall(call);
      return context.active();
    });
    propagation.disable();

    assert.notEqual(execution.run, undefined);
    assert.ok(active);
    assert.deepEqual(
      calls.map((call) => call.trace),
      [sampled, sampled],
    );
  });

  test("uses an SDK that is registered later", async () => {
    using _on = instrument();
    beginCall(callMessage());
    await using telemetry = useOpenTelemetry();
    const call = callMessage();

    beginCall(call);
    end(call, { outcome: "completed" });

    assert.equal(telemetry.spans.length, 1);
    assert.deepEqual(Object.values(await telemetry.metric("rpc.client.call.duration")), [1]);
  });

  test("measures calls and executions by routine and by how they failed", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument({ traces: false });
    const under = callMessage();
    beginCall(under);
    for (const error of [undefined, new RangeError("no"), new TypeError("no")]) {
      const [call, execution] = [callMessage(), executionMessage()];
      beginCall(call);
      beginExecution(execution);
      const outcome = error === undefined ? "completed" : "failed";
      end(execution, { outcome, error, responseBytes: 5 });
      end(call, { outcome, error, requestBytes: 10, responseBytes: 5, queuedMs: 1 });
      refuse(call, { worker: "w", code: "FULL", reason: "full" });
    }

    const routine = { "rpc.system.name": "merino", "rpc.method": ROUTINE };
    const durations = {
      [JSON.stringify(routine)]: 1,
      [JSON.stringify({ ...routine, "error.type": "RangeError" })]: 1,
      [JSON.stringify({ ...routine, "error.type": "TypeError" })]: 1,
    };
    assert.deepEqual(await telemetry.metric("rpc.client.call.duration"), durations);
    assert.deepEqual(await telemetry.metric("rpc.server.call.duration"), durations);
    for (const [name, value] of [
      ["merino.client.queue.duration", 3],
      ["merino.server.queue.duration", 3],
      ["merino.client.active_calls", 1],
      ["merino.server.active_calls", 0],
      ["merino.client.request.size", 30],
      ["merino.client.response.size", 15],
      ["merino.server.request.size", 30],
      ["merino.server.response.size", 15],
    ] as const) {
      assert.deepEqual(await telemetry.metric(name), { [JSON.stringify(routine)]: value }, name);
    }
    assert.deepEqual(await telemetry.metric("merino.client.refusals"), {
      [JSON.stringify({ "rpc.system.name": "merino", "merino.refusal.code": "FULL" })]: 3,
    });
    const [utilization = -1] = Object.values(await telemetry.metric("nodejs.eventloop.utilization"));
    assert.ok(utilization >= 0 && utilization <= 1, String(utilization));
  });

  test("measures the pools that are open, and keeps what those that have closed had counted", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const figures = [
      { queued: 2, ready: 4, restarts: 1 },
      { queued: 3, ready: 1, restarts: 5 },
    ];
    const [one, other] = figures.map((stats) => ({ error: undefined, stats: () => stats }));
    for (const pool of [one, other, { error: new Error("no"), stats: () => ({ ...figures[0] }) }]) {
      poolChannel.asyncEnd.publish(pool);
    }
    poolCloseChannel.publish(one);

    assert.deepEqual(await telemetry.metric("merino.pool.queue.length"), { "{}": 3 });
    assert.deepEqual(await telemetry.metric("merino.pool.workers"), { "{}": 1 });
    assert.deepEqual(await telemetry.metric("merino.pool.restarts"), { "{}": 6 });
  });

  test("measures what pools have of each resource, hold of it and wait for", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const stats = { queued: 0, ready: 1, restarts: 0 };
    const resources = { gpu: { total: 2, held: 1.5, waiting: 3 } };
    poolChannel.asyncEnd.publish({ error: undefined, stats: () => ({ ...stats, resources }) });
    poolChannel.asyncEnd.publish({
      error: undefined,
      stats: () => ({
        ...stats,
        resources: {
          gpu: { total: 4, held: 0, waiting: 1 },
          license: { total: 0, held: 0, waiting: 2 },
        },
      }),
    });
    poolChannel.asyncEnd.publish({ error: undefined, stats: () => stats }); // of an older copy

    const [gpu, license] = ["gpu", "license"].map((name) => JSON.stringify({ "merino.resource.name": name }));
    const { metric } = telemetry;
    assert.deepEqual(await metric("merino.pool.resource.total"), { [gpu ?? ""]: 6, [license ?? ""]: 0 });
    assert.deepEqual(await metric("merino.pool.resource.held"), { [gpu ?? ""]: 1.5, [license ?? ""]: 0 });
    assert.deepEqual(await metric("merino.pool.resource.waiting"), { [gpu ?? ""]: 4, [license ?? ""]: 2 });
  });

  test("measures a hundred resources at most, whatever workers of others call theirs", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    const figures = { total: 1, held: 0, waiting: 0 };
    const resources = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`resource ${n}`, figures]));
    poolChannel.asyncEnd.publish({
      error: undefined,
      stats: () => ({ queued: 0, ready: 1, restarts: 0, resources }),
    });

    assert.equal(Object.keys(await telemetry.metric("merino.pool.resource.total")).length, 100);
  });

  test("measures no call that began before it", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    end(callMessage(), { outcome: "completed" });

    assert.deepEqual(await telemetry.metric("rpc.client.call.duration"), {});
    assert.deepEqual(await telemetry.metric("merino.client.active_calls"), {});
  });

  test("has nothing left when it is disposed of", async () => {
    await using telemetry = useOpenTelemetry();
    const on = instrument({ steps: true });
    on[Symbol.dispose]();
    on[Symbol.dispose]();

    for (const channel of [
      callChannel.start,
      callChannel.asyncEnd,
      refusedChannel,
      executionChannel.start,
      executionChannel.asyncEnd,
      recordedCallChannel.start,
      recordedCallChannel.asyncEnd,
      recordedRefusedChannel,
      recordedExecutionChannel.start,
      recordedExecutionChannel.asyncEnd,
      ...STEPS,
      poolChannel.asyncEnd,
      poolCloseChannel,
    ]) {
      assert.equal(channel.hasSubscribers, false);
    }
    assert.equal(recording.recorder, undefined);
    assert.deepEqual(await telemetry.metric("nodejs.eventloop.utilization"), {});
  });

  test("refuses options that it does not know, or of another type", () => {
    for (const options of [{ step: true }, { steps: "yes" }, { tracerProvider: {} }, { meterProvider: 1 }]) {
      assert.throws(() => instrument(options as never), { code: "ERR_MERINO_INVALID_OPTION" });
    }
  });
});

/** Registers a propagator that has such fields, and counts how often it is asked for them. */
function countInjections(fields: string[]): { count: number } {
  const asked = { count: 0 };
  propagation.disable();
  propagation.setGlobalPropagator({
    inject(active, carrier, setter) {
      asked.count += 1;
      const { traceId = "", spanId = "", traceFlags = 0 } = trace.getSpanContext(active) ?? {};
      setter.set(carrier, "traceparent", `00-${traceId}-${spanId}-0${traceFlags}`);
      if (fields.includes("x-customer")) setter.set(carrier, "x-customer", "17");
    },
    extract: (active) => active,
    fields: () => fields,
  });
  return asked;
}
