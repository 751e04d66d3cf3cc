// own process: OpenTelemetry keeps its globals, and the SDK listens to the process
import assert from "node:assert/strict";
import { tracingChannel } from "node:diagnostics_channel";
import { describe, test } from "node:test";
import { SpanKind } from "@opentelemetry/api";
import { currentTask } from "../../../../src/context/scope.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { instrument } from "../../../../src/opentelemetry/instrument.ts";
import type { AttemptMessage } from "../../../../src/telemetry/attempt-message.ts";
import type { CallMessage } from "../../../../src/telemetry/call-message.ts";
import { eventually } from "../../../support/eventually.ts";
import { useDispatcher } from "../../../support/use-dispatcher.ts";
import { useOpenTelemetry } from "../../../support/use-opentelemetry.ts";

/** Two workers: the one asked second answers, and the first one never does. */
function useWorkers() {
  const t = useDispatcher({ idempotent: { work: { hedge: { after: 0.01 } } } });
  const spanIds: Array<string | undefined> = [];
  const uids: string[] = [];
  const both = createDeferred<void>();
  for (const uid of ["a", "b"]) {
    t.add(uid, {
      work: async () => {
        uids.push(uid);
        spanIds.push(currentTask()?.trace?.spanId);
        if (uids.length === 1) return await new Promise<never>(() => {});
        await both.promise;
        return uid;
      },
    });
  }
  return Object.assign(t, { spanIds, uids, both });
}

describe("the attempts of a call", () => {
  test("have spans below that of the call, and travel with those", async () => {
    await using telemetry = useOpenTelemetry();
    using _on = instrument();
    await using t = useWorkers();
    await t.ready(2);
    const call = t.call("work");
    await eventually(() => t.uids.length === 2);
    t.both.resolve();
    await call;

    const whole = telemetry.spans.find(({ name, kind }) => name === "work" && kind === SpanKind.CLIENT);
    const attempts = telemetry.spans.filter(({ name }) => name === "Attempt work");
    const byNumber = [1, 2].map((number) =>
      attempts.find(({ attributes }) => attributes["merino.attempt"] === number),
    );
    assert.equal(attempts.length, 2);
    for (const [index, span] of byNumber.entries()) {
      assert.equal(span?.kind, SpanKind.CLIENT);
      assert.equal(span?.parentSpanContext?.spanId, whole?.spanContext().spanId);
      assert.equal(span?.attributes["merino.attempt.hedge"], index === 1);
      assert.equal(span?.attributes["merino.worker.uid"], t.uids[index]);
    }
    assert.deepEqual(
      byNumber.map((span) => span?.attributes["merino.outcome"]),
      ["cancelled", "completed"],
    );
    assert.equal(whole?.attributes["merino.attempts"], 2);
    assert.equal(whole?.attributes["merino.worker.uid"], t.uids[1]);
    const executions = telemetry.spans.filter(({ kind }) => kind === SpanKind.SERVER);
    for (const execution of executions) {
      const parent = execution.parentSpanContext?.spanId;
      assert.ok(byNumber.some((span) => span?.spanContext().spanId === parent));
    }
    assert.ok(executions.length > 0);
    assert.equal(new Set(t.spanIds).size, 2);
  });

  test("are told of one by one, each with its end, before that of the call", async () => {
    const told: string[] = [];
    const onCall = {
      asyncEnd: (message: unknown) => void told.push(`call ${(message as CallMessage).outcome}`),
    };
    const onAttempt = {
      start: (message: unknown) => void told.push(`start ${(message as AttemptMessage).attempt}`),
      asyncEnd: (message: unknown) => {
        const { attempt, outcome } = message as AttemptMessage;
        told.push(`${outcome} ${attempt}`);
      },
    };
    tracingChannel("merino:call").subscribe(onCall as never);
    tracingChannel("merino:call:attempt").subscribe(onAttempt as never);
    try {
      await using t = useWorkers();
      await t.ready(2);
      const call = t.call("work");
      await eventually(() => t.uids.length === 2);
      t.both.resolve();
      await call;
    } finally {
      tracingChannel("merino:call").unsubscribe(onCall as never);
      tracingChannel("merino:call:attempt").unsubscribe(onAttempt as never);
    }

    assert.deepEqual(told, ["start 1", "start 2", "completed 2", "cancelled 1", "call completed"]);
  });
});
