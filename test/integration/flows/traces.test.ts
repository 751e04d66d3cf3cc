/** What callbacks and the sources of iterables call stands in the trace of whoever calls back, or has passed them on. */
import assert from "node:assert/strict";
import { tracingChannel } from "node:diagnostics_channel";
import { test } from "node:test";
import { SpanKind, trace } from "@opentelemetry/api";
import { type CallMessage, callback, fork, WorkerPool } from "merino";
import { instrument } from "merino/opentelemetry";
import { eventually } from "../../support/eventually.ts";
import { useOpenTelemetry } from "../../support/use-opentelemetry.ts";
import * as routines from "./routines.ts";
import { relayed, whoCalls } from "./variables.ts";

const named = (name: string, kind: number) => (span: { readonly name: string; readonly kind: number }) =>
  span.name.endsWith(`#${name}`) && span.kind === kind;

test("a call made in a callback is below the span of the body that calls back", async () => {
  await using telemetry = useOpenTelemetry();
  using _on = instrument({ metrics: false });
  await using _pool = await WorkerPool.open({ local: true });

  await trace.getTracer("test").startActiveSpan("request", async (request) => {
    await routines.callBack(
      callback(() => whoCalls()),
      2,
      true,
    );
    request.end();
  });

  const spans = await eventually(() =>
    telemetry.spans.filter(named("whoCalls", SpanKind.CLIENT)).length === 2 ? telemetry.spans : undefined,
  );
  const body = spans.find(named("callBack", SpanKind.SERVER));
  const calls = spans.filter(named("whoCalls", SpanKind.CLIENT));
  assert.deepEqual(
    calls.map((span) => span.parentSpanContext?.spanId),
    [body?.spanContext().spanId, body?.spanContext().spanId],
  );
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1);
});

test("a call made in a callback is below the call that has it, where the worker makes no spans", async () => {
  await using telemetry = useOpenTelemetry();
  using _on = instrument({ metrics: false });
  await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });

  await routines.callBack(
    callback(() => whoCalls()),
    1,
    true,
  );

  const outer = await eventually(() => telemetry.spans.find(named("callBack", SpanKind.CLIENT)));
  const inner = telemetry.spans.find(named("whoCalls", SpanKind.CLIENT));
  assert.equal(inner?.parentSpanContext?.spanId, outer.spanContext().spanId);
});

test("a source calls below the span that was active where its call was made", async () => {
  await using telemetry = useOpenTelemetry();
  using _on = instrument({ metrics: false });
  await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });
  async function* source(): AsyncGenerator<unknown> {
    yield await whoCalls();
    yield await whoCalls();
  }

  await trace.getTracer("test").startActiveSpan("request", async (request) => {
    await routines.take(source(), 2);
    request.end();
  });

  const request = await eventually(() => telemetry.spans.find(({ name }) => name === "request"));
  assert.deepEqual(
    telemetry.spans.filter(named("whoCalls", SpanKind.CLIENT)).map((span) => span.parentSpanContext?.spanId),
    [request.spanContext().spanId, request.spanContext().spanId],
  );
});

test("a trace context goes with callbacks through a worker in the middle, without any SDK", async () => {
  await using _pool = await WorkerPool.open({ size: 2, worker: "thread" });
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const traces = new Map<string, string | undefined>();
  const { start } = tracingChannel("merino:call");
  const follow = (message: unknown): void => {
    const call = message as CallMessage;
    if (call.routine.endsWith("#relayed"))
      call.trace = new Map([["traceparent", `00-${traceId}-b7ad6b7169203331-01`]]);
    else traces.set(call.routine, call.trace?.get("traceparent"));
  };
  start.subscribe(follow);
  try {
    async function* source(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }
    const tell = callback(() => whoCalls());
    await fork(() => relayed(source(), tell));
  } finally {
    start.unsubscribe(follow);
  }

  assert.deepEqual(
    [...traces.values()].map((value) => value?.slice(3, 35)),
    [traceId],
  );
});
