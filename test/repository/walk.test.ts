/**
 * The walk of a call in `ARCHITECTURE.md` against the call itself: it names every file that a call of a known routine
 * on a worker of one's own enters, on both sides, and no other. On a machine that is busy a call may take longer than a
 * short one does, and enter what the paragraph below the list says of such calls.
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
const CALLS_WATCHED = 3;

test("the walk names every file that a call enters, and no other", async (context) => {
  const { named, sometimes, way, stated } = await readWalk();
  const pool = await WorkerPool.open({ size: 1 });
  let entered: ReadonlySet<string> | undefined;
  try {
    for (let call = 0; call < CALLS_BEFORE; call++) await add(1, 2);
    for (let call = 0; call < CALLS_WATCHED; call++) {
      await watchNext();
      const here = new EnteredFiles();
      await add(1, 2);
      const files = new Set([...here.take(), ...(await enteredByAdd())]);
      // A timer of the library's that runs out meanwhile belongs to no call.
      entered = entered === undefined ? files : new Set([...entered].filter((file) => files.has(file)));
    }
  } finally {
    await pool.close();
  }

  assert.ok(entered !== undefined);
  const missing = [...entered].filter((file) => !named.has(file) && !sometimes.has(file));
  const extra = [...named].filter((file) => !entered.has(file));

  assert.deepEqual({ missing, extra }, { missing: [], extra: [] });
  assert.equal(way.size, stated, "as many files as the walk says that it has");
  context.diagnostic(`looked at ${entered.size} files`);
});

/** What the walk says. Files are paths from `src/`. */
interface Walk {
  /** Those that a call enters, the tools that it uses included. */
  readonly named: ReadonlySet<string>;
  /** Those that only some calls enter. */
  readonly sometimes: ReadonlySet<string>;
  /** Those that the call passes from one to the next, without the tools. */
  readonly way: ReadonlySet<string>;
  /** How many these are to be. */
  readonly stated: number;
}

async function readWalk(): Promise<Walk> {
  const text = await readFile(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const [, always = "", sometimes = ""] =
    /^## One call\n([\s\S]*?)^(The first call[\s\S]*?)^The way out/m.exec(text) ?? [];
  const [, rows = "", stated] = /^([\s\S]*?)^That is the way, (\d+) files/m.exec(always) ?? [];
  return {
    named: filesIn(always),
    sometimes: filesIn(sometimes),
    way: filesIn(rows),
    stated: Number(stated),
  };
}

function filesIn(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/[a-z][\w/-]*\/[\w-]+\.ts/g)].map(([file]) => file));
}
