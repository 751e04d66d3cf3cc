import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { explainLoss, lossReason } from "../../../../src/client/dispatch/explain-loss.ts";
import type { CallPhase } from "../../../../src/errors/timeout-error.ts";
import type { LossReason, LostWorker } from "../../../../src/errors/worker-lost-error.ts";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";

const MODULE = pathToFileURL("main.ts").href;

function explain(
  worker: Partial<LostWorker>,
  { phase = "sent" as CallPhase, module = MODULE, reason = "lost" as LossReason } = {},
): string {
  const definition: RoutineDefinition = {
    id: "p/main.ts#job",
    name: "job",
    module,
    kind: "function",
    body: () => undefined,
    declaredIn: undefined,
    timeoutMs: undefined,
    routine: {},
  };
  const error = new Error("it closed the connection");
  return explainLoss({ phase, definition }, { uid: "w", ...worker }, { error, reason });
}

test("explainLoss says how the connection ended, and that the call may have run", () => {
  assert.equal(explain({}), "it closed the connection; the call to 'p/main.ts#job' may have run");
});

test("explainLoss says of a stopped worker that it was stopped", () => {
  assert.equal(
    explain({}, { reason: "stopped" }),
    "it was stopped; the call to 'p/main.ts#job' may have run",
  );
});

test("explainLoss says that a call has not run whose module was being imported", () => {
  assert.equal(
    explain({ importing: MODULE, advice: "see isMain" }),
    "it died while importing main.ts; see isMain; the call to 'p/main.ts#job' has not run",
  );
});

test("explainLoss promises nothing for a call of another module, or one that has begun", () => {
  const other = explain({ importing: MODULE }, { module: pathToFileURL("jobs.ts").href });
  const begun = explain({ importing: MODULE }, { phase: "running" });

  assert.deepEqual([other, begun], new Array(2).fill(explain({})));
});

test("explainLoss names the routine, or the import, for which the worker was replaced", () => {
  const routine = explain({ culprit: "p/jobs.ts#spin" }, { phase: "running" });
  const slow = explain({ culprit: MODULE, importing: MODULE });

  assert.match(routine, /^it was replaced, because 'p\/jobs.ts#spin' went on .*may have run$/);
  assert.match(slow, /^it was replaced, because the import of main.ts blocked it .*has not run$/);
});

test("lossReason takes a worker for stopped that had said that it ends, and has not failed since", () => {
  const uid = "w";

  const stopped = [{ uid }, { uid, exitCode: 0 }, { uid, signal: "SIGKILL" }].map((worker) =>
    lossReason(true, worker),
  );
  const lost = [
    lossReason(false, { uid }),
    lossReason(true, { uid, exitCode: 1 }),
    lossReason(true, { uid, signal: "SIGSEGV" }),
    lossReason(true, { uid, signal: "SIGKILL", culprit: "p/jobs.ts#spin" }),
  ];

  assert.deepEqual([...new Set(stopped)], ["stopped"]);
  assert.deepEqual([...new Set(lost)], ["lost"]);
});
