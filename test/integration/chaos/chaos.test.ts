/** The short form of `npm run chaos`: five seconds of faults with all that goes with them, and a fixed seed. */
// runs early: its faults come by the clock, and in the end it waits until everybody is back
import assert from "node:assert/strict";
import { test } from "node:test";
import { leakCheck } from "../../support/leak-check.ts";
import { useDnsServer } from "../../support/start-dns-server.ts";
import { runChaos } from "./chaos.ts";
import { describeChaos } from "./describe-chaos.ts";
import { judgeCalls } from "./verdict.ts";

const DURATION_MS = 5_000;
const SEED = 20_261_129;

test("six workers under random faults settle every call, run none twice, answer none wrongly and leave nothing", {
  timeout: 280_000,
}, async (context) => {
  const dnsServer = await useDnsServer();
  await using _leaks = leakCheck({ withinMs: 20_000 });

  const report = await runChaos({ durationMs: DURATION_MS, seed: SEED, dnsServer });

  for (const line of describeChaos(report).split("\n")) context.diagnostic(line);
  const faults = Object.values(report.faults).reduce((sum, count) => sum + count, 0);
  assert.deepEqual(report.findings, []);
  assert.ok(faults >= 5, `${faults} faults`);
  assert.ok(report.settled.filter(({ outcome }) => outcome === "value").length > 50);
  assert.ok(report.workers > 6, `${report.workers} workers`);
});

test("judgeCalls finds what has run twice, in spite of its error, without being called, or not although it has an answer", () => {
  const call = (id: string, outcome: string, notRun = false) => ({
    id,
    kind: "add",
    outcome,
    notRun,
    tookMs: 1,
  });
  const settled = [
    call("once", "value"),
    call("twice", "ERR_MERINO_WORKER_LOST"),
    call("never", "value"),
    call("refused", "ERR_MERINO_NO_WORKERS", true),
    call("other", "wrong: 1 for 2"),
    { ...call("outer", "ERR_MERINO_NO_WORKERS", true), kind: "nested" },
  ];

  const findings = judgeCalls(settled, ["once", "twice", "twice", "refused", "stranger", "other", "outer"]);

  assert.deepEqual(findings, [
    "twice has run 2 times",
    "stranger has run, and was never called",
    "other: wrong: 1 for 2",
    "add never has an answer, and has not run",
    "add refused has run in spite of ERR_MERINO_NO_WORKERS",
  ]);
});
