/** Switches what is made of calls in the process in which it is called: in the program, and in its worker. */
import { context, metrics, propagation, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { NodeSDK, metrics as sdk, tracing } from "@opentelemetry/sdk-node";
import { routine } from "merino";
import { instrument } from "merino/opentelemetry";

/** What is switched on. */
export interface Mode {
  readonly traces: boolean;
  readonly metrics: boolean;
  /** Whether an SDK takes what is made. */
  readonly sdk: boolean;
}

/** Takes spans and metrics, and sends them nowhere: what a collector's network costs is not the question. */
const NOWHERE = {
  export: (_: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
  shutdown: async () => {},
  forceFlush: async () => {},
};

const present = new NodeSDK({
  sampler: new tracing.ParentBasedSampler({ root: new tracing.TraceIdRatioBasedSampler(0.001) }),
  spanProcessors: [new tracing.BatchSpanProcessor(NOWHERE)],
  metricReaders: [new sdk.PeriodicExportingMetricReader({ exporter: NOWHERE as sdk.PushMetricExporter })],
  logRecordProcessors: [],
  autoDetectResources: false,
});
present.start();
const NO_SDK = { getTracer: trace.getTracer, getMeter: metrics.getMeter };
class NoopTracerProvider {
  readonly getTracer = NO_SDK.getTracer;
}
class NoopMeterProvider {
  readonly getMeter = NO_SDK.getMeter;
}

let instrumented: Disposable | undefined;

export function setMode(mode: Mode): void {
  instrumented?.[Symbol.dispose]();
  instrumented = undefined;
  if (!mode.traces && !mode.metrics) return;
  instrumented = instrument({
    traces: mode.traces,
    metrics: mode.metrics,
    ...(!mode.sdk && {
      tracerProvider: new NoopTracerProvider(),
      meterProvider: new NoopMeterProvider() as never,
    }),
  });
}

export const setWorkerMode = routine(async function setWorkerMode(mode: Mode) {
  setMode(mode);
});

/** As `add`, in the context of a span whose ids have come as arguments: the least that passes a trace on by hand. */
export const addBelowSpan = routine(function addBelowSpan(
  x: number,
  y: number,
  ids: readonly [traceId: string, spanId: string, traceFlags: number],
): number {
  const [traceId, spanId, traceFlags] = ids;
  const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
  return context.with(parent, () => x + y);
});

/** As `add`, with a span by hand, in the way of instrumentations: what the propagator has written comes as an argument. */
export const addInSpan = routine(function addInSpan(
  x: number,
  y: number,
  carrier: Readonly<Record<string, string>>,
): number {
  const parent = propagation.extract(ROOT_CONTEXT, carrier);
  const span = trace.getTracer("benchmark").startSpan("add", { kind: SpanKind.SERVER }, parent);
  try {
    return context.with(trace.setSpan(parent, span), () => x + y);
  } finally {
    span.end();
  }
});
