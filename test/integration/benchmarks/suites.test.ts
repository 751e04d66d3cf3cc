/** Every workload of a comparison runs on this build and gives all of its figures. What they are is not asserted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CALLS } from "../../../benchmarks/against/calls.ts";
import { DIST_ROWS, measureDist } from "../../../benchmarks/against/dist-size.ts";
import { MEMORY } from "../../../benchmarks/against/memory.ts";
import type { Row } from "../../../benchmarks/against/row.ts";
import { START_UP } from "../../../benchmarks/against/start-up.ts";
import type { Figures, Suite, Workload } from "../../../benchmarks/against/suite.ts";
import { leakCheck } from "../../support/leak-check.ts";

const BUILD = { folder: fileURLToPath(new URL("../../../", import.meta.url)) };
const OPTIONS = { quick: true, signal: new AbortController().signal };

for (const [name, suite] of Object.entries({ CALLS, START_UP, MEMORY })) {
  test(`${name} gives the figures of its rows`, async () => {
    await using _leaks = leakCheck();

    assert.notEqual(suite.workloads.length, 0);
    await measureAll(suite);
  });
}

test("measureDist gives the figures of its rows", async () => {
  assertFigures(DIST_ROWS, await measureDist(BUILD));
});

async function measureAll<W extends Workload>(suite: Suite<W>): Promise<void> {
  await using subject = await suite.open(BUILD, OPTIONS);
  for (const workload of suite.workloads) assertFigures(workload.rows, await subject.measure(workload));
}

function assertFigures(rows: readonly Row[], figures: Figures): void {
  assert.deepEqual(Object.keys(figures).sort(), rows.map(({ name }) => name).sort());
  for (const [name, figure] of Object.entries(figures)) {
    assert.ok(figure > 0 && figure < Number.POSITIVE_INFINITY, `${name}: ${figure}`);
  }
}
