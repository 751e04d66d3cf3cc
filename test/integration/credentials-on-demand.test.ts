/** What TLS takes to load is loaded by whoever has credentials, and by nobody else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leakCheck } from "../support/leak-check.ts";
import { runNode } from "../support/run-node.ts";

/** Prints whether `node:tls` has been loaded. */
const LOADED = `console.log(process.moduleLoadList.includes("NativeModule tls"));`;

test("a program without credentials does not load what TLS takes, one with them does", async () => {
  await using _leaks = leakCheck();
  const program = (body: string): readonly string[] => [
    "--input-type=module",
    "--eval",
    `import { WorkerCredentials, WorkerPool } from ${JSON.stringify(import.meta.resolve("merino"))}; ${body} ${LOADED}`,
  ];

  const without = await runNode(program("await (await WorkerPool.open({ size: 1 })).close();"));
  const withThem = await runNode(
    program(
      "try { WorkerCredentials.fromPem({ mutual: false, ca: '' }); } catch {} await import('node:tls');",
    ),
  );

  assert.deepEqual([without.stdout, without.stderr], ["false\n", ""]);
  assert.equal(withThem.stdout, "true\n"); // so that the list is what it is taken for
});
