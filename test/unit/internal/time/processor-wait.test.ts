/** What Linux tells of a thread. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { parseWaitMs, processorWaitMs } from "../../../../src/internal/time/processor-wait.ts";

test("parseWaitMs takes the second of the kernel's figures, and believes nothing else", () => {
  assert.equal(parseWaitMs("240000000 12500000 37\n"), 12.5);
  for (const text of ["0 0 0\n", "", "12\n", "a b c\n", "1 -5 2\n"])
    assert.equal(parseWaitMs(text), undefined);
});

test("processorWaitMs grows while others have all processors", {
  skip: process.platform !== "linux",
}, async () => {
  const others = Array.from(
    { length: 2 * availableParallelism() },
    () => new Worker('require("node:worker_threads").parentPort.postMessage(""); for (;;);', { eval: true }),
  );
  await Promise.all(others.map((other) => once(other, "message")));
  const before = processorWaitMs() ?? 0;
  const sinceMs = performance.now();

  for (const untilMs = performance.now() + 150; performance.now() < untilMs; );

  const waitedMs = (processorWaitMs() ?? 0) - before;
  const tookMs = performance.now() - sinceMs;
  await Promise.all(others.map((other) => other.terminate()));
  assert.ok(waitedMs > 10 && waitedMs < tookMs, `${waitedMs} of ${tookMs} ms`);
});
