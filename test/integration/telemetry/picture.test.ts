/**
 * The trace that docs/telemetry.md shows: `npm run docs` draws it from a recording, and what is recorded is what the
 * program still does. `MERINO_RECORD_TRACE=1` records it anew.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type ReceivedSpan, startOtlpReceiver } from "../../support/otlp-receiver.ts";
import { runTraced } from "./run-traced.ts";

const PROGRAM = fileURLToPath(new URL("./fixtures/pictured-program.ts", import.meta.url));
const RECORDING = new URL("../../../docs/trace.otlp.json", import.meta.url);
const KINDS = ["", "INTERNAL", "SERVER", "CLIENT"];

test("docs/trace.otlp.json is a trace as the program makes it", async () => {
  await using receiver = await startOtlpReceiver();
  const env = { ...receiver.env, OTEL_METRICS_EXPORTER: "none", OTEL_SERVICE_NAME: "albums" };

  const { stderr, exitCode } = await runTraced(["--import", "merino/opentelemetry/register", PROGRAM], env);

  assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
  const [root] = await receiver.named("POST /albums", 1);
  const spans = receiver.spans.filter(({ traceId }) => traceId === root?.traceId);
  if (process.env.MERINO_RECORD_TRACE === "1") await writeFile(RECORDING, formatRecording(spans));
  assert.deepEqual(shapeOf(spans), shapeOf(await readRecording()));
});

/** A span as the recording has it: in OTLP's JSON, with what the picture needs. */
interface RecordedSpan extends Pick<ReceivedSpan, "traceId" | "spanId" | "parentSpanId" | "name" | "kind"> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

/** A line for each span: of which kind it is, and what is above it. */
function shapeOf(
  spans: readonly Pick<ReceivedSpan, "spanId" | "parentSpanId" | "name" | "kind">[],
): string[] {
  const line = ({ name, kind, parentSpanId }: (typeof spans)[number]): string => {
    const parent = spans.find(({ spanId }) => spanId === parentSpanId);
    const own = `${KINDS[kind]} ${name}`;
    return parent === undefined ? own : `${line(parent)} > ${own}`;
  };
  return spans.map(line).sort();
}

async function readRecording(): Promise<RecordedSpan[]> {
  const { resourceSpans } = JSON.parse(await readFile(RECORDING, "utf8")) as {
    resourceSpans: { scopeSpans: { spans: RecordedSpan[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

/** By process, as a collector writes it; without what belongs to the machine that it was recorded on. */
function formatRecording(spans: readonly ReceivedSpan[]): string {
  const first = spans.find(({ parentSpanId }) => parentSpanId === "");
  const pids = [...new Set([first?.pid, ...spans.map(({ pid }) => pid)])]; // the program's first
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const resourceSpans = pids.map((pid, index) => ({
    resource: {
      attributes: [
        text("service.name", "albums"),
        text("service.instance.id", index === 0 ? "program" : `worker ${index}`),
      ],
    },
    scopeSpans: [
      {
        scope: { name: "merino" },
        spans: spans
          .filter((span) => span.pid === pid)
          .map((span) => ({
            traceId: span.traceId,
            spanId: span.spanId,
            parentSpanId: span.parentSpanId,
            name: span.name,
            kind: span.kind,
            startTimeUnixNano: span.start,
            endTimeUnixNano: span.end,
            attributes: ["rpc.system.name", "rpc.method"].flatMap((key) =>
              typeof span.attributes[key] === "string" ? [text(key, span.attributes[key])] : [],
            ),
          })),
      },
    ],
  }));
  return `${JSON.stringify({ resourceSpans }, undefined, 2)}\n`;
}
