/**
 * Calls of a whole program with `merino/opentelemetry/register` and the real SDK, as a collector sees them: who is whose
 * parent, in which trace, and what stands on the spans.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { leakCheck } from "../../support/leak-check.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../../support/otlp-receiver.ts";
import type { Seen } from "./fixtures/traced-routines.ts";
import { runTraced } from "./run-traced.ts";

const PROGRAM = fileURLToPath(new URL("./fixtures/traced-program.ts", import.meta.url));
const BROKEN = fileURLToPath(new URL("./fixtures/broken-program.ts", import.meta.url));
const REFUSED = fileURLToPath(new URL("./fixtures/refused-program.ts", import.meta.url));
const REGISTER = ["--import", "merino/opentelemetry/register"];

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;

/** Numbers in the names of fixtures' routines are those of the file. */
const routine = (name: string): RegExp => new RegExp(`traced-routines.*\\b${name}$`);

describe("merino/opentelemetry/register", () => {
  let receiver: OtlpReceiver;
  let seen: Readonly<Record<string, unknown>>;

  before(async () => {
    receiver = await startOtlpReceiver();
    const env = { ...receiver.env, OTEL_SERVICE_NAME: "thumbs", OTEL_RESOURCE_ATTRIBUTES: "zone=eu" };
    const { stdout, stderr, exitCode } = await runTraced([...REGISTER, PROGRAM], env);
    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    seen = JSON.parse(stdout) as typeof seen;
  });
  after(() => receiver[Symbol.asyncDispose]());

  /** Spans of the trace that the program began under a name, first to last. */
  const traceOf = (name: string): readonly ReceivedSpan[] => {
    const root = receiver.spans.find((span) => span.name === name && span.kind === INTERNAL);
    assert.ok(root, name);
    const inTrace = receiver.spans.filter(({ traceId }) => traceId === root.traceId);
    return inTrace.sort((one, other) => (BigInt(one.start) < BigInt(other.start) ? -1 : 1));
  };
  const only = (spans: readonly ReceivedSpan[], name: string, kind: number): ReceivedSpan => {
    const [found, ...others] = spans.filter((span) => span.kind === kind && routine(name).test(span.name));
    assert.ok(found, `${name} of kind ${kind}`);
    assert.equal(others.length, 0, `${name} of kind ${kind}`);
    return found;
  };
  const all = (spans: readonly ReceivedSpan[], name: string, kind: number): readonly ReceivedSpan[] =>
    spans.filter((span) => span.kind === kind && routine(name).test(span.name));

  test("shows a call, its execution, and the call nested in it, one below the other", () => {
    const spans = traceOf("nested");
    const root = spans.find(({ name }) => name === "nested");

    const chain = [
      root,
      only(spans, "outer", CLIENT),
      only(spans, "outer", SERVER),
      only(spans, "inner", CLIENT),
      only(spans, "inner", SERVER),
    ];
    assert.deepEqual(
      chain.slice(1).map((span) => span?.parentSpanId),
      chain.slice(0, -1).map((span) => span?.spanId),
    );
    assert.equal(spans.length, chain.length);
    const [program, worker] = [chain[1], chain[2]];
    assert.equal(program?.pid, root?.pid);
    assert.notEqual(worker?.pid, program?.pid);
    assert.ok(chain.every((span) => span?.service === "thumbs"));
  });

  test("names calls by the conventions for RPC", () => {
    const spans = traceOf("nested");
    const call = only(spans, "outer", CLIENT);
    const execution = only(spans, "outer", SERVER);

    for (const { name, attributes } of [call, execution]) {
      assert.equal(attributes["rpc.system.name"], "merino");
      assert.equal(attributes["rpc.method"], name);
      assert.equal(attributes["code.function.name"], "outer");
      assert.match(String(attributes["code.file.path"]), /^\/.*traced-routines\.ts$/);
      assert.equal(attributes["merino.outcome"], "completed");
    }
    assert.equal(call.attributes["merino.task.id"], execution.attributes["merino.task.id"]);
    assert.match(String(call.attributes["server.address"]), /^\//);
    assert.equal(call.attributes["merino.attempts"], 1);
  });

  test("shows code of a task the span that runs, by currentTask() and by the API, and the baggage", () => {
    const spans = traceOf("nested");
    const { spanId, traceId } = only(spans, "inner", SERVER);

    assert.deepEqual(seen.nested, {
      task: { traceId, spanId, sampled: true },
      active: spanId,
      tenant: "acme",
    } satisfies Seen);
  });

  test("has the calls of map below the span that asked for them", () => {
    const spans = traceOf("map");
    const root = spans.find(({ name }) => name === "map");

    const calls = all(spans, "inner", CLIENT);
    assert.deepEqual(
      calls.map(({ parentSpanId }) => parentSpanId),
      [1, 2, 3, 4].map(() => root?.spanId),
    );
    assertPairs(calls, all(spans, "inner", SERVER));
  });

  test("has the calls of each below the span that asked for them, one for each worker", () => {
    const spans = traceOf("each");
    const root = spans.find(({ name }) => name === "each");

    const calls = all(spans, "inner", CLIENT);
    assert.deepEqual(
      calls.map(({ parentSpanId }) => parentSpanId),
      [root?.spanId, root?.spanId],
    );
    const executions = all(spans, "inner", SERVER);
    assertPairs(calls, executions);
    assert.equal(new Set(executions.map(({ pid }) => pid)).size, 2);
  });

  test("traces routines whose module the program does not load as all others", () => {
    const spans = traceOf("named");

    assertPairs([only(spans, "inner", CLIENT)], [only(spans, "inner", SERVER)]);
    assert.equal((seen.named as Seen).tenant, "acme");
  });

  test("shows the options of a call, and traces it to its end if its body has a time of its own", () => {
    const spans = traceOf("options");
    const [call, execution] = [only(spans, "inner", CLIENT), only(spans, "inner", SERVER)];

    assertPairs([call], [execution]);
    for (const { attributes } of [call, execution]) {
      assert.equal(attributes["merino.priority"], 5);
      assert.equal(attributes["merino.tag"], "urgent");
      assert.equal(attributes["merino.outcome"], "completed");
    }
    assert.equal(only(traceOf("nested"), "inner", SERVER).attributes["merino.priority"], undefined);
  });

  test("makes what a worker has once in no span, whoever has asked for it first", () => {
    assert.equal(seen.shared, "none");
  });

  test("has one span for a stream on each side, with the calls of its steps below", () => {
    const spans = traceOf("stream");

    const [call, execution] = [only(spans, "count", CLIENT), only(spans, "count", SERVER)];
    assertPairs([call], [execution]);
    assert.equal(call.attributes["merino.steps"], 3);
    assert.equal(execution.attributes["merino.steps"], 3);
    assert.deepEqual(call.events, []);
    const nested = all(spans, "inner", CLIENT);
    assert.deepEqual(
      nested.map(({ parentSpanId }) => parentSpanId),
      [1, 2, 3].map(() => execution.spanId),
    );
    assertPairs(nested, all(spans, "inner", SERVER));
    assert.deepEqual(
      seen.stream,
      [1, 2, 3].map(() => call.traceId),
    );
  });

  for (const name of ["fails", "passesOn"]) {
    test(`records an error once, on the span of the body that threw it: ${name}`, () => {
      const spans = traceOf(name).filter(({ kind }) => kind !== INTERNAL);

      assert.equal(spans.length, name === "fails" ? 2 : 4);
      for (const { status, attributes } of spans) {
        assert.equal(status, ERROR);
        assert.equal(attributes["error.type"], "RangeError");
        assert.equal(attributes["merino.outcome"], "failed");
      }
      const recorded = spans.filter(({ events }) => events.length > 0);
      assert.deepEqual(recorded, [only(spans, "fails", SERVER)]);
      const [exception] = recorded[0]?.events ?? [];
      assert.match(String(exception?.attributes["exception.stacktrace"]), /traced-routines\.ts/);
    });
  }

  test("begins a trace with a call that is made in none", () => {
    const { task } = seen.alone as Seen;
    const spans = receiver.spans.filter(({ traceId }) => traceId === task?.traceId);

    assert.equal(only(spans, "inner", CLIENT).parentSpanId, "");
    assertPairs([only(spans, "inner", CLIENT)], [only(spans, "inner", SERVER)]);
    assert.equal(spans.length, 2);
  });

  test("sends metrics of the program and of its workers", () => {
    for (const name of [
      "rpc.client.call.duration",
      "rpc.server.call.duration",
      "merino.pool.queue.length",
      "nodejs.eventloop.utilization",
    ]) {
      assert.ok(receiver.metrics.has(name), name);
    }
  });
});

test("merino/opentelemetry/register exports nothing of traces that are not sampled, and their ids travel", async () => {
  await using receiver = await startOtlpReceiver();
  await using _leaks = leakCheck();
  const env = { ...receiver.env, OTEL_TRACES_SAMPLER: "always_off", OTEL_METRICS_EXPORTER: "none" };

  const { stdout, stderr } = await runTraced([...REGISTER, PROGRAM], env);

  assert.equal(stderr, "");
  const { nested } = JSON.parse(stdout) as { nested: Seen };
  assert.equal(nested.task?.sampled, false);
  assert.match(nested.task?.traceId ?? "", /^[0-9a-f]{32}$/);
  assert.equal(nested.tenant, "acme");
  assert.deepEqual(receiver.spans, []);
});

test("merino/opentelemetry/register is inherited by workers through NODE_OPTIONS", async () => {
  await using receiver = await startOtlpReceiver();
  await using _leaks = leakCheck();
  const env = { ...receiver.env, NODE_OPTIONS: REGISTER.join(" "), OTEL_METRICS_EXPORTER: "none" };

  const { stderr } = await runTraced([PROGRAM], env);

  assert.equal(stderr, "");
  assert.deepEqual(new Set(receiver.spans.map(({ kind }) => kind)), new Set([INTERNAL, CLIENT, SERVER]));
});

test("merino/opentelemetry/register shows a call that was refused and went elsewhere as one", async () => {
  await using receiver = await startOtlpReceiver();
  await using leaks = leakCheck();
  const env = {
    ...receiver.env,
    OTEL_METRICS_EXPORTER: "none",
    MERINO_TEST_REFUSER: path.join(leaks.runtimeRoot, "refuser"),
  };

  const { stderr, exitCode } = await runTraced([...REGISTER, REFUSED], env);

  assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
  rmSync(env.MERINO_TEST_REFUSER);
  const spans = receiver.spans.filter(({ name }) => routine("inner").test(name));
  const [calls, executions] = [CLIENT, SERVER].map((kind) => spans.filter((span) => span.kind === kind));
  assertPairs(calls ?? [], executions ?? []);
  assert.equal(calls?.length, 2);
  const refused = calls?.filter(({ events }) => events.length > 0);
  assert.equal(refused?.length, 1);
  const [call] = refused ?? [];
  assert.ok(Number(call?.attributes["merino.attempts"]) > 1);
  assert.equal(call?.attributes["merino.outcome"], "completed");
  assert.ok(call?.events.every(({ name }) => name === "refused"));
  const refusal = call?.events[0]?.attributes;
  assert.ok(String(refusal?.["merino.refusal.code"]).length > 0);
  assert.notEqual(refusal?.["merino.worker.uid"], call?.attributes["merino.worker.uid"]);
});

test("merino/opentelemetry/register says once in a process that what was recorded could not be sent", async () => {
  await using _leaks = leakCheck();
  const env = {
    OTEL_TRACES_EXPORTER: "none",
    OTEL_METRICS_EXPORTER: "none",
    OTEL_LOGS_EXPORTER: "none",
  };

  const { stderr, exitCode } = await runTraced([...REGISTER, BROKEN], env);

  assert.equal(exitCode, 0, stderr);
  assert.equal(stderr.match(/MERINO_OPENTELEMETRY/g)?.length, 1, stderr);
  assert.match(stderr, /Not all that was recorded has been sent: the disk is full/);
});

/** Each execution is below its own call. */
function assertPairs(calls: readonly ReceivedSpan[], executions: readonly ReceivedSpan[]): void {
  assert.deepEqual(
    new Set(executions.map(({ parentSpanId }) => parentSpanId)),
    new Set(calls.map(({ spanId }) => spanId)),
  );
  assert.equal(executions.length, calls.length);
}
