/** The real SDK of OpenTelemetry, registered in this process, whose spans and metrics stay in memory. */
import { type Attributes, context, metrics as metricsApi, propagation, trace } from "@opentelemetry/api";
import { metrics, NodeSDK, tracing } from "@opentelemetry/sdk-node";

/** An SDK in force. Disposing takes it out of the process. */
export interface OpenTelemetry extends AsyncDisposable {
  /** Spans that have ended, in that order. */
  readonly spans: readonly tracing.ReadableSpan[];
  /** The one span with such a name and kind; throws unless there is exactly one. */
  span(name: string, kind: number): tracing.ReadableSpan;
  /** Values of a metric as they are now, by its attributes as JSON: a number, or of a histogram its count. */
  metric(name: string): Promise<Readonly<Record<string, number>>>;
}

/** What is read of a value: of a histogram, how many values it has. */
interface Point {
  readonly attributes: Attributes;
  readonly value: number | { readonly count: number };
}

/** Registers it. @param sampler Default: all traces are sampled that are not said to be unsampled. */
export function useOpenTelemetry(sampler?: tracing.Sampler): OpenTelemetry {
  const exporter = new tracing.InMemorySpanExporter();
  const measured = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
  const reader = new metrics.PeriodicExportingMetricReader({
    exporter: measured,
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 3_600_000,
  });
  const sdk = new NodeSDK({
    spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
    metricReaders: [reader],
    logRecordProcessors: [],
    autoDetectResources: false,
    ...(sampler !== undefined && { sampler }),
  });
  sdk.start();
  return {
    get spans() {
      return exporter.getFinishedSpans();
    },
    span(name, kind) {
      const found = exporter.getFinishedSpans().filter((span) => span.name === name && span.kind === kind);
      if (found[0] === undefined || found.length > 1) {
        throw new Error(`${found.length} spans are called '${name}' and of kind ${kind}`);
      }
      return found[0];
    },
    async metric(name) {
      measured.reset();
      await reader.forceFlush();
      const points = measured
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }): readonly Point[] => dataPoints);
      return Object.fromEntries(
        points.map(({ attributes, value }) => [
          JSON.stringify(attributes),
          typeof value === "number" ? value : value.count,
        ]),
      );
    },
    async [Symbol.asyncDispose]() {
      for (const api of [trace, context, propagation, metricsApi]) api.disable();
      await sdk.shutdown();
    },
  };
}
