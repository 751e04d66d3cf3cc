/**
 * The walk of a call in `ARCHITECTURE.md` against the call itself: it names every file that a call of a known routine
 * on a worker of one's own enters, on both sides, and no other.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import test from "node:test";
import { WorkerPool } from "../../src/index.ts";
import { ROOT } from "../support/repository.ts";
import { add, EnteredFiles, enteredByAdd, watchNext } from "./fixtures/walked-routines.ts";

/** Until the routine is known to be short, and the processes have settled. */
const CALLS_BEFORE = 50;

test("the walk names every file that a call enters, and no other", async (context) => {
  const named = new Set(await readWalk());
  const pool = await WorkerPool.open({ size: 1 });
  const entered = new Set<string>();
  try {
    for (let call = 0; call < CALLS_BEFORE; call++) await add(1, 2);
    await watchNext();
    const here = new EnteredFiles();
    await add(1, 2);
    for (const file of here.take()) entered.add(file);
    for (const file of await enteredByAdd()) entered.add(file);
  } finally {
    await pool.close();
  }

  const missing = [...entered].filter((file) => !named.has(file));
  const extra = [...named].filter((file) => !entered.has(file));

  assert.deepEqual({ missing, extra }, { missing: [], extra: [] });
  context.diagnostic(`looked at ${entered.size} files`);
});

/** The files that the walk and its table of tools name, as paths from `src/`. */
async function readWalk(): Promise<string[]> {
  const text = await readFile(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const section = /^## One call\n([\s\S]*?)^The first call/m.exec(text)?.[1] ?? "";
  return [...section.matchAll(/[a-z][\w/-]*\/[\w-]+\.ts/g)].map(([file]) => file);
}
