/** A collector for OTLP over HTTP, with bodies in JSON: it keeps what it is sent. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { eventually } from "./eventually.ts";

/** A span as it has come. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of its trace. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 for INTERNAL, 2 for SERVER, 3 for CLIENT. */
  readonly kind: number;
  /** In nanoseconds, as decimal digits. */
  readonly start: string;
  readonly end: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  /** 2 for ERROR. */
  readonly status: number;
  /** `service.name` of the process. */
  readonly service: unknown;
  readonly pid: unknown;
}

/** A collector that listens on this host. */
export interface OtlpReceiver extends AsyncDisposable {
  /** Variables for programs that are to send what they record here, at once rather than after seconds. */
  readonly env: Readonly<Record<string, string>>;
  readonly spans: readonly ReceivedSpan[];
  /** Names of the metrics that have come. */
  readonly metrics: ReadonlySet<string>;
  /** Waits for so many spans with a name, and returns them in order of their start. */
  named(name: string, count: number): Promise<readonly ReceivedSpan[]>;
}

/** Starts one. @param host Default: the loopback. */
export async function startOtlpReceiver(host = "127.0.0.1"): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metrics = new Set<string>();
  const server = createServer((request, response) => {
    json(request).then(
      (body) => {
        const { resourceSpans = [], resourceMetrics = [] } = body as OtlpBody;
        for (const resource of resourceSpans) spans.push(...spansOf(resource));
        for (const { scopeMetrics } of resourceMetrics)
          for (const scope of scopeMetrics) for (const { name } of scope.metrics) metrics.add(name);
        response.setHeader("content-type", "application/json").end("{}");
      },
      () => response.writeHead(400).end(),
    );
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_LOGS_EXPORTER: "none",
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_METRIC_EXPORT_TIMEOUT: "200",
    },
    spans,
    metrics,
    async named(name, count) {
      const found = () => spans.filter((span) => span.name === name);
      await eventually(() => found().length >= count, {
        what: `${count} spans of ${name}`,
        withinMs: 20_000,
      });
      return found().sort((one, other) => (BigInt(one.start) < BigInt(other.start) ? -1 : 1));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

type OtlpAttributes = readonly { readonly key: string; readonly value: OtlpValue }[];

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: OtlpAttributes;
  readonly events?: readonly { readonly name: string; readonly attributes?: OtlpAttributes }[];
  readonly status?: { readonly code?: number };
}

interface OtlpResource {
  readonly resource?: { readonly attributes?: OtlpAttributes };
  readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
}

interface OtlpBody {
  readonly resourceSpans?: readonly OtlpResource[];
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly { readonly name: string }[] }[];
  }[];
}

function spansOf({ resource, scopeSpans }: OtlpResource): ReceivedSpan[] {
  const about = record(resource?.attributes);
  return scopeSpans.flatMap(({ spans }) =>
    spans.map((span) => ({
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId ?? "",
      name: span.name,
      kind: span.kind,
      start: span.startTimeUnixNano,
      end: span.endTimeUnixNano,
      attributes: record(span.attributes),
      events: (span.events ?? []).map(({ name, attributes }) => ({ name, attributes: record(attributes) })),
      status: span.status?.code ?? 0,
      service: about["service.name"],
      pid: about["process.pid"],
    })),
  );
}

function record(attributes: OtlpAttributes = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

function plain({ stringValue, intValue, doubleValue, boolValue }: OtlpValue): unknown {
  return intValue === undefined ? (stringValue ?? doubleValue ?? boolValue) : Number(intValue);
}
