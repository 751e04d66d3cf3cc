/**
 * What holds for pools of processes holds for pools of threads: tests of calls run again, with threads. Those of pools
 * themselves (pool-life-cycle.test.ts and its neighbours) run each case with both.
 */
// runs early: it waits for other test files
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runNode } from "../../support/run-node.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";

const THREADS = ["--import", new URL("../../support/threads-by-default.mjs", import.meta.url).href];

for (const file of ["context", "pool-map", "streaming"]) {
  test(`the tests of ${file} pass with threads`, async () => {
    const path = fileURLToPath(new URL(`../${file}.test.ts`, import.meta.url));

    const { stdout, stderr, exitCode } = await runNode([...TYPESCRIPT_FLAGS, ...THREADS, path], {
      timeoutMs: 120_000,
    });

    assert.equal(exitCode, 0, `${stdout}\n${stderr}`);
    assert.match(stdout + stderr, /(?:#|ℹ) pass [1-9]/);
  });
}
