/**
 * Calls that are held by `overflow: "wait"`, with OpenTelemetry on a real pool: however late a call is made, and
 * whoever makes room for it, its trace is that of where it was asked for.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Span, SpanKind, trace } from "@opentelemetry/api";
import { WorkerPool } from "merino";
import { instrument } from "merino/opentelemetry";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { useOpenTelemetry } from "../support/use-opentelemetry.ts";
import * as routines from "./fixtures/traced-routines.ts";

/** Runs something below a span of its own, which has no parent. */
function within<T>(name: string, fn: (span: Span) => T): T {
  return trace.getTracer("test").startActiveSpan(name, { root: true }, (span) => {
    try {
      return fn(span);
    } finally {
      span.end();
    }
  });
}

test("a call that is held has the trace of when it was made, down to its body", async () => {
  await using _leaks = leakCheck();
  await using telemetry = useOpenTelemetry();
  using _on = instrument();
  await using pool = await WorkerPool.open({ size: 1, maxQueue: 1, overflow: "wait" });
  const gate = new AbortController();
  const running = routines.wait.with({ signal: gate.signal })();
  await eventually(() => pool.stats().workers[0]?.inFlight === 1);
  const queued = within("queued", () => routines.look());

  const requests = ["first", "second"].map((name) =>
    within(name, (span) => ({ ids: span.spanContext(), looked: routines.lookInside() })),
  );
  assert.equal(pool.stats().held, 2);
  // The span that is active as there is room for them is none of theirs.
  await within("room", async () => {
    gate.abort(new Error("room"));
    await assert.rejects(running, /room/);
    await queued;
  });

  for (const { ids, looked } of requests) {
    const { trace: seen } = await looked;
    assert.equal(seen?.traceId, ids.traceId);
    const calls = telemetry.spans.filter(
      (call) => call.kind === SpanKind.CLIENT && call.spanContext().traceId === ids.traceId,
    );
    assert.deepEqual(
      calls.map(({ parentSpanContext }) => parentSpanContext?.spanId),
      [ids.spanId],
    );
    // No one records in the worker: what its body sees is the call's own span.
    assert.equal(seen?.spanId, calls[0]?.spanContext().spanId);
  }
});

test("a call that ends while it is held has a span where it was asked for", async () => {
  await using _leaks = leakCheck();
  await using telemetry = useOpenTelemetry();
  using _on = instrument();
  await using pool = await WorkerPool.open({ size: 1, maxQueue: 1, overflow: "wait" });
  const gate = new AbortController();
  const running = routines.wait.with({ signal: gate.signal })();
  await eventually(() => pool.stats().workers[0]?.inFlight === 1);
  const queued = routines.look();
  const given = new AbortController();
  const { ids, held } = within("request", (span) => ({
    ids: span.spanContext(),
    held: routines.look.with({ signal: given.signal })(),
  }));
  assert.equal(pool.stats().held, 1);

  within("elsewhere", () => given.abort(new Error("given up")));

  await assert.rejects(held, /given up/);
  gate.abort(new Error("room"));
  await assert.rejects(running, /room/);
  await queued;
  const span = telemetry.spans.find(
    (call) => call.kind === SpanKind.CLIENT && call.spanContext().traceId === ids.traceId,
  );
  assert.equal(span?.parentSpanContext?.spanId, ids.spanId);
  assert.equal(span?.attributes["merino.outcome"], "cancelled");
  assert.equal(span?.attributes["merino.worker.uid"], undefined);
});
