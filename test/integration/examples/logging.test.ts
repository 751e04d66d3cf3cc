/** The example of logs: its lines belong together by the ids of their trace. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { ROOT } from "../../support/repository.ts";
import { runCommand } from "../../support/run-example.ts";

/** A line of pino's. */
interface Line {
  readonly msg: string;
  readonly pid: number;
  readonly task?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly sampled?: boolean;
}

const NOWHERE = { OTEL_BSP_SCHEDULE_DELAY: "50", OTEL_METRICS_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none" };

test("logging shows the task of each line, and one trace for all of them", async () => {
  const flags = ["--import", "tsx", "--import", "merino/opentelemetry/register"];
  // Nobody listens at the discard port: what is recorded is not sent, and nothing is held up for long.
  const env = { ...NOWHERE, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
  await using program = runCommand(
    process.execPath,
    [...flags, path.join(ROOT, "examples/logging/main.ts")],
    env,
  );

  assert.equal(await program.ended, 0, program.stderr);

  const lines = program.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const ofTasks = lines.filter(({ task }) => task !== undefined);
  assert.deepEqual(lines.map(({ msg }) => msg).sort(), ["begun", "made", "resized", "resized"]);
  assert.equal(ofTasks.length, 3);
  assert.equal(new Set(ofTasks.map(({ traceId }) => traceId)).size, 1);
  assert.match(ofTasks[0]?.traceId ?? "", /^[0-9a-f]{32}$/);
  assert.equal(new Set(ofTasks.map(({ task }) => task)).size, 3);
  assert.equal(new Set(ofTasks.map(({ spanId }) => spanId)).size, 3);
  assert.ok(ofTasks.every(({ sampled }) => sampled));
});
