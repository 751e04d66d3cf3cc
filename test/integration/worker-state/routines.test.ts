/** Routines of a module that only workers load. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routines, WorkerPool, WorkerProxy } from "merino";
import { processReferences } from "../../../src/routine/process-references.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { runNode } from "../../support/run-node.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { rejection } from "../fixtures/pool-support.ts";
import { applyOnOwnPool, returnIt } from "../network-worker/fixtures/tainted-routines.ts";
import { startNetworkWorker } from "../network-worker/workers.ts";

const INDEX = import.meta.resolve("merino");
const TAKING_ROUTINES = new URL("../network-worker/fixtures/tainted-routines.ts", import.meta.url);
const MODULE = new URL("./fixtures/heavy-routines.ts", import.meta.url);
const heavy = routines<typeof import("./fixtures/heavy-routines.ts")>(MODULE, {
  generators: { lines: true },
});

function isLoadedHere(): boolean {
  return "heavyLoads" in process;
}

for (const worker of ["process", "thread"] as const) {
  describe(`routines() with workers in ${worker === "process" ? "processes" : "threads"}`, () => {
    test("calls functions and generators of a module that is not loaded here", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ size: 1, worker });

      assert.equal(await heavy.loads(), 1);
      assert.equal(await heavy.loads.with({ timeout: 60_000 })(), 1);
      const seen: number[] = [];
      for await (const line of heavy.lines(3)) seen.push(line);
      assert.deepEqual(seen, [1, 2, 3]);
      assert.equal(await heavy.applied(heavy.loads), 1);
      assert.equal(isLoadedHere(), false);
    });

    test("refuses a name that the module does not declare", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ size: 1, worker });
      const names = heavy as unknown as Readonly<Record<string, () => Promise<unknown>>>;

      for (const [name, why] of [
        ["load", /did not declare 'load'.*#loads/],
        ["plain", /exports as 'plain' is no routine/],
        ["renamed", /what it exports under that name is '.*#other'/],
      ] as const) {
        const error = (await rejection(names[name]?.() ?? Promise.resolve())) as {
          code?: string;
          message: string;
        };
        assert.equal(error.code, "ERR_MERINO_ROUTINE_NOT_FOUND");
        assert.match(error.message, why);
      }
    });
  });
}

describe("routines()", () => {
  test("are as exposed over the network as the routines themselves, and cause no import there", async () => {
    await using _ = leakCheck();
    await using serving = await startNetworkWorker({ modules: [MODULE] });
    await using another = await startNetworkWorker();
    await using open = await WorkerProxy.open({ workers: [serving.remote] });
    await using closed = await WorkerProxy.open({ workers: [another.remote] });

    assert.equal(await heavy.loads.with({ pool: open })(), 1);
    await assert.rejects(heavy.loads.with({ pool: closed })(), { refusal: "NOT_EXPOSED" });
  });

  test("are tainted when they come over the network, as the routines themselves", async () => {
    await using _ = leakCheck();
    await using worker = await startNetworkWorker({ modules: [TAKING_ROUTINES] });
    await using pool = await WorkerProxy.open({ workers: [worker.remote] });

    const { job } = await returnIt.with({ pool })(heavy.loads);

    assert.equal(processReferences.describeRoutine(heavy.loads)?.tainted, false);
    assert.equal(processReferences.describeRoutine(job)?.tainted, true);
    await assert.rejects(applyOnOwnPool.with({ pool })(heavy.loads), { refusal: "NOT_EXPOSED" });
  });

  test("load their module where a pool runs bodies in the program", async () => {
    using project = temporaryPackage({
      "package.json": '{"name":"local-heavy","type":"module"}',
      "heavy.js": `
        import { routine } from "${INDEX}";
        export const add = routine(async function add(x, y) { return x + y; });`,
      "main.js": `
        import { routines, WorkerPool } from "${INDEX}";
        // As written before it was compiled.
        const heavy = routines(new URL("./heavy.ts", import.meta.url));
        const pool = await WorkerPool.open({ local: true });
        console.log(await heavy.add(1, 2), await heavy.add.local(1, 2));
        await heavy.sub(1, 2).catch((error) => console.log(error.code));
        await pool.close();`,
    });

    const { stdout } = await runNode([project.path("main.js")]);

    assert.equal(stdout, "3 3\nERR_MERINO_ROUTINE_NOT_FOUND\n");
  });
});
