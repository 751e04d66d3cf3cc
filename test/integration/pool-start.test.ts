/** Workers that do not come up: open() fails with what they said, and leaves nothing behind. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { NoActivePoolError, ProcessWorker, WorkerPool, WorkerStartError } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { temporaryPackage } from "../support/temporary-package.ts";
import { useEnvironment } from "../support/use-environment.ts";
import { add, readEnvironment } from "./fixtures/pool-routines.ts";
import { collectEvents, ofType, rejection, useEffects } from "./fixtures/pool-support.ts";

/** Opens a pool that must not open, and gives what its workers failed with. */
async function startErrors(pool: WorkerPool): Promise<readonly WorkerStartError[]> {
  const error = await rejection(pool.open());
  assert.ok(error instanceof AggregateError, `not an AggregateError but ${String(error)}`);
  return error.errors.map((each: unknown) => {
    assert.ok(each instanceof WorkerStartError, `not a WorkerStartError but ${String(each)}`);
    return each;
  });
}

const preload = (source: string): string[] => [
  "--import",
  `data:text/javascript,${encodeURIComponent(source)}`,
];

describe("WorkerPool.open", () => {
  test("fails with exit code and output of every worker that Node refuses to start", async () => {
    await using _ = leakCheck();
    const worker = ProcessWorker.factory({ execArgv: ["--bad-option"] });
    const pool = new WorkerPool({ size: 2, worker });

    const errors = await startErrors(pool);

    assert.equal(errors.length, 2);
    for (const error of errors) {
      assert.equal(error.exitCode, 9);
      assert.match(error.stderr ?? "", /--bad-option/);
      assert.equal(error.code, "ERR_MERINO_WORKER_START");
    }
    await pool.closed;
    assert.deepEqual(pool.workers, []);
    assert.ok((await rejection(add(1, 2))) instanceof NoActivePoolError);
  });

  test("fails where no directory can be made for its sockets, and says which and what to do", async () => {
    await using _ = leakCheck();
    using environment = useEnvironment();
    environment.set("XDG_RUNTIME_DIR");
    environment.set("TMPDIR", fileURLToPath(import.meta.url));
    const pool = new WorkerPool({ size: 1 });

    await assert.rejects(pool.open(), { code: "ERR_MERINO_INVALID_OPTION", option: "runtimeDirectory" });
    await pool.closed;
  });

  test("not awaited, is said to need that by the calls that come too early, and by no others", async () => {
    await using _ = leakCheck();
    const unawaited = WorkerPool.open({ size: 1, ambient: false });
    const promised = await rejection(add.with({ pool: unawaited as never })(1, 2));
    const none = await rejection(add(1, 2));
    const opening = WorkerPool.open({ size: 1 });
    const early = await rejection(add(1, 2));
    const failing = rejection(
      WorkerPool.open({ size: 1, worker: ProcessWorker.factory({ execArgv: preload("process.exit(1)") }) }),
    );

    await using pool = await opening;
    await using other = await unawaited;

    assert.match((promised as Error).message, /'pool'.*promise of one: await WorkerPool\.open\(\)$/);
    assert.ok(none instanceof NoActivePoolError && /no pool is open/.test(none.message));
    assert.ok(
      early instanceof NoActivePoolError &&
        /still being opened; await WorkerPool\.open\(\)/.test(early.message),
    );
    assert.equal(await add(1, 2), 3);
    assert.equal(await add.with({ pool: other })(1, 2), 3);
    await failing;
    await pool.close();
    const after = await rejection(add(1, 2));
    assert.ok(after instanceof NoActivePoolError && /no pool is open/.test(after.message));
  });

  test("prints what a worker has printed once: as it came, and not again with the error", async () => {
    await using _ = leakCheck();
    const worker = ProcessWorker.factory({
      execArgv: preload("console.error('the only time'); process.exit(21)"),
    });

    const error = await rejection(WorkerPool.open({ size: 1, worker }));

    const shown = inspect(error, { depth: 10 });
    assert.match(shown, /exited with code 21/);
    assert.doesNotMatch(shown, /the only time/);
    assert.match((error as AggregateError).errors[0].stderr, /the only time/);
  });

  test("fails with the lines that wait for it, whichever way it was opened", async () => {
    await using _ = leakCheck();
    const options = {
      size: 1,
      worker: ProcessWorker.factory({ execArgv: preload("process.exit(21)") }),
    };
    async function openOfTheProgram(): Promise<WorkerPool> {
      return await WorkerPool.open(options);
    }
    async function newOfTheProgram(): Promise<WorkerPool> {
      return await new WorkerPool({ ...options, ambient: false }).open();
    }

    const stacks: (string | undefined)[] = [];
    const ofWorkers: (string | undefined)[] = [];
    for (const open of [openOfTheProgram, newOfTheProgram]) {
      // Not by a helper, for which the promise would have callbacks instead.
      try {
        await open();
      } catch (error) {
        stacks.push((error as Error).stack);
        ofWorkers.push((error as AggregateError).errors[0].stack);
      }
    }

    assert.match(stacks[0] ?? "", /at async openOfTheProgram .*pool-start\.test\.ts/);
    assert.match(stacks[1] ?? "", /at async newOfTheProgram .*pool-start\.test\.ts/);
    // The errors of the workers show nothing of how the library starts them.
    assert.match(ofWorkers[0] ?? "", /^WorkerStartError: .+?\n {4}at async openOfTheProgram /s);
    assert.match(ofWorkers[1] ?? "", /^WorkerStartError: .+?\n {4}at async newOfTheProgram /s);
    for (const stack of ofWorkers) assert.doesNotMatch(stack ?? "", /at .*\/(?:dist|src)\//);
  });

  test("fails with the error of a module that cannot be imported, with its place, as the cause", async () => {
    await using _ = leakCheck();
    using modules = temporaryPackage({
      "throws.mjs": "\nthrow new RangeError('no database');",
      "syntax.mjs": "export {};\nconst = 1;",
    });
    const open = (file: string) =>
      startErrors(
        new WorkerPool({ size: 1, worker: ProcessWorker.factory({ modules: [modules.url(file)] }) }),
      );

    const [[thrown], [syntax]] = await Promise.all([open("throws.mjs"), open("syntax.mjs")]);

    assert.equal(
      thrown?.message,
      `Cannot start a worker: Cannot import '${modules.url("throws.mjs")}': no database`,
    );
    const [cause, place] = [thrown.cause as Error, syntax?.cause as Error];
    assert.deepEqual([cause.name, cause.message], ["RangeError", "no database"]);
    assert.ok(cause instanceof RangeError && place instanceof SyntaxError);
    assert.match(cause.stack ?? "", /throws\.mjs:2:7/);
    assert.match(place.stack ?? "", /syntax\.mjs:2\nconst = 1;/);
  });

  test("takes modules without a routine, which only set something up, in their order", async () => {
    await using _ = leakCheck();
    using modules = temporaryPackage({
      "first.mjs": "process.env.POOL_TEST_SET_UP = 'first';",
      "second.mjs": "process.env.POOL_TEST_SET_UP += ', second';",
    });
    const worker = ProcessWorker.factory({ modules: [modules.url("first.mjs"), modules.url("second.mjs")] });
    await using _pool = await WorkerPool.open({ size: 1, worker });

    assert.equal(await readEnvironment("POOL_TEST_SET_UP"), "first, second");
  });

  test("fails for options in the environment that Node refuses", async () => {
    await using _ = leakCheck();
    const worker = ProcessWorker.factory({ env: { NODE_OPTIONS: "--no-such-option" } });

    const [error] = await startErrors(new WorkerPool({ size: 1, worker }));

    assert.equal(error?.exitCode, 9);
    assert.match(error?.stderr ?? "", /--no-such-option/);
  });

  test("fails for a worker that ends before it is ready", async () => {
    await using _ = leakCheck();
    const worker = ProcessWorker.factory({
      execArgv: preload("process.stderr.write('not today\\n'); process.exit(21)"),
    });

    const [error] = await startErrors(new WorkerPool({ size: 1, worker }));

    assert.equal(error?.exitCode, 21);
    assert.match(error?.stderr ?? "", /not today/);
  });

  test("fails for a worker that throws, or is killed, before it is ready", async () => {
    await using _ = leakCheck();
    const throws = ProcessWorker.factory({ execArgv: preload("throw new Error('bad preload')") });
    const dies = ProcessWorker.factory({ execArgv: preload("process.kill(process.pid, 'SIGKILL')") });

    const [thrown] = await startErrors(new WorkerPool({ size: 1, worker: throws }));
    const [killed] = await startErrors(new WorkerPool({ size: 1, worker: dies }));

    assert.equal(thrown?.exitCode, 1);
    assert.match(thrown?.stderr ?? "", /bad preload/);
    assert.equal(killed?.signal, "SIGKILL");
  });

  test("fails for a worker that is not ready in time, and kills it", async () => {
    await using _ = leakCheck();
    const busy = { execArgv: preload("for (;;);") };
    const limited = ProcessWorker.factory({ ...busy, startTimeout: 300 });
    const unlimited = ProcessWorker.factory(busy);

    const [byFactory] = await startErrors(new WorkerPool({ size: 1, worker: limited }));
    const [byPool] = await startErrors(new WorkerPool({ size: 1, worker: unlimited, quorumTimeout: 300 }));

    assert.equal(byFactory?.signal, "SIGKILL");
    assert.equal(byPool?.signal, "SIGKILL");
    assert.match(byPool?.message ?? "", /within 300 ms; .*quorumTimeout.*startTimeout/);
  });

  test("ends the workers that did come up when another did not", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    const worker = ProcessWorker.factory({
      env: { POOL_TEST_STARTED: effects.path("started") },
      execArgv: ["--import", new URL("./fixtures/pool-start-once.mjs", import.meta.url).href],
    });
    const pool = new WorkerPool({ size: 3, worker });
    const { seen, ended } = collectEvents(pool);

    const errors = await startErrors(pool);
    await ended;

    assert.equal(errors.length, 2);
    assert.ok(errors.every((error) => error.exitCode === 17));
    assert.equal(ofType(seen, "worker-ready").length, 1);
    assert.equal(ofType(seen, "worker-failed").length, 2);
    assert.equal(ofType(seen, "worker-exited").length, 3);
  });

  test("fails with what a factory throws", async () => {
    await using _ = leakCheck();
    const pool = new WorkerPool({
      size: 1,
      worker: () => {
        throw new TypeError("no workers today");
      },
    });

    const error = await rejection(pool.open());

    assert.ok(error instanceof AggregateError);
    assert.ok(error.errors[0] instanceof TypeError);
    await pool.closed;
  });
});

describe("a pool whose factory fails later", () => {
  test("goes on trying", async () => {
    await using _ = leakCheck();
    const processes = ProcessWorker.factory();
    let made = 0;
    await using pool = await WorkerPool.open({
      size: 1,
      worker: (context) => {
        made += 1;
        if (made === 2) throw new TypeError("not this time");
        return processes(context);
      },
    });
    const { seen } = collectEvents(pool);
    const [first] = pool.workers;

    process.kill(first?.pid ?? 0, "SIGKILL");
    await eventually(() => ofType(seen, "worker-exited").length > 0);
    const sum = await add(1, 2);

    assert.equal(sum, 3);
    assert.equal(made, 3);
    assert.equal(ofType(seen, "worker-failed").length, 1);
  });
});
