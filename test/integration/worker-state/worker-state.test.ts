/** Values that workers have for all their calls, in processes, in threads and in the program. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  ProcessWorker,
  ThreadWorker,
  type WorkerFactory,
  WorkerPool,
  type WorkerPoolOptions,
  WorkerStateError,
} from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { runNode } from "../../support/run-node.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { type Effects, rejection, useEffects } from "../fixtures/pool-support.ts";
import { neverRuns } from "./fixtures/start-fails-routines.ts";
import {
  base,
  holdModel,
  model,
  never,
  readKnot,
  readModel,
  readNever,
  readUnlucky,
  startsSeen,
  unlucky,
  useAll,
} from "./fixtures/state-routines.ts";

interface Kind {
  readonly name: string;
  factory(env: Record<string, string>): WorkerFactory;
}

const KINDS: readonly Kind[] = [
  { name: "process", factory: (env) => ProcessWorker.factory({ env }) },
  { name: "thread", factory: (env) => ThreadWorker.factory({ env }) },
];

function linesOf(effects: Effects): readonly string[] {
  const file = effects.path("state");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

for (const { name, factory } of KINDS) {
  const open = (
    effects: Effects,
    options: WorkerPoolOptions & { readonly failures?: number } = {},
  ): Promise<WorkerPool> => {
    const { failures = 0, ...rest } = options;
    const env = { MERINO_TEST_STATE: effects.path("state"), MERINO_TEST_FAILURES: String(failures) };
    return WorkerPool.open({ size: 1, worker: factory(env), ...rest });
  };

  describe(`a value of a worker in a ${name}`, () => {
    test("is made once, when a call first asks for it", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await open(effects, { tags: ["gpu"] });

      const values = await Promise.all(Array.from({ length: 20 }, () => readModel()));

      assert.equal(new Set(values.map((value) => JSON.stringify(value))).size, 1);
      assert.deepEqual(values[0], { number: 1, uid: pool.workers[0]?.uid, tags: ["gpu"], aborted: false });
      assert.deepEqual(
        linesOf(effects).filter((line) => line === "make model"),
        ["make model"],
      );
    });

    test("is there before the pool is open, if it is to be warm", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using _pool = await open(effects, { warm: [model] });

      assert.ok(linesOf(effects).includes("make model"));
    });

    test("is disposed of after its calls have ended, the last first, between the hooks", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const pool = await open(effects);

      const held = holdModel();
      await eventually(() => linesOf(effects).includes("holding"), { what: "the body holds the model" });
      await pool.close();

      assert.equal(await held, 1);
      assert.deepEqual(linesOf(effects), [
        "start worker",
        "make model",
        "holding",
        "released",
        "dispose model",
        "dispose base",
        "stop",
      ]);
    });

    test("rejects with its error and cause, and is tried again", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using _pool = await open(effects, { failures: 1 });

      const error = (await rejection(readUnlucky())) as TypeError;
      const next = await readUnlucky();

      assert.ok(error instanceof TypeError);
      assert.equal(error.message, "no model");
      assert.ok(error.cause instanceof RangeError);
      assert.equal(next, 2);
    });

    test("keeps its worker from being ready, if it is to be warm and cannot be made", async () => {
      await using _ = leakCheck();
      using effects = useEffects();

      const error = (await rejection(open(effects, { failures: 9, warm: [unlucky] }))) as AggregateError;

      const [start] = error.errors as readonly Error[];
      assert.match(start?.message ?? "", /Cannot make '.*#unlucky' before it serves: no model/);
      assert.ok(start?.cause instanceof TypeError);
    });

    test("that is being made is given up when the worker ends", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const pool = await open(effects);

      const waiting = rejection(readNever());
      await eventually(() => linesOf(effects).includes("never begun"), { what: "it is being made" });
      await pool.close({ grace: 0 });
      await waiting;

      assert.ok(linesOf(effects).includes("never aborted"));
    });

    test("that waits for itself tells the caller so", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using _pool = await open(effects);

      const error = (await rejection(readKnot())) as WorkerStateError;

      assert.ok(error instanceof WorkerStateError);
      assert.equal(error.reason, "cycle");
      assert.match(error.value, /#knot$/);
    });

    test("whose disposal fails or hangs keeps no other from being disposed of", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const pool = await open(effects);

      await useAll();
      await pool.close();

      assert.ok(linesOf(effects).includes("dispose base"));
      assert.ok(linesOf(effects).includes("stop"));
    });

    test("has its module's start before any routine", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using _pool = await open(effects);

      assert.equal(await startsSeen(), 1);
    });
  });
}

describe("a module that has a function run as its worker starts", () => {
  test("has failed as the function has", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ size: 1 });

    const error = (await rejection(neverRuns())) as { readonly code: string; readonly cause: unknown };

    assert.equal(error.code, "ERR_MERINO_ROUTINE_NOT_FOUND");
    assert.ok(error.cause instanceof TypeError);
    assert.equal(error.cause.message, "cannot start");
  });
});

describe("a value that a program's entry declares", () => {
  test("can be warm, and is made in the workers alone", async () => {
    using project = temporaryPackage({
      "package.json": '{"name":"warm-entry","type":"module"}',
      "main.js": `
        import { perWorker, routine, WorkerPool } from "${import.meta.resolve("merino")}";
        let made = 0;
        const model = perWorker("model", () => ++made);
        const seen = routine(async function seen() { return made; });
        const pool = await WorkerPool.open({ size: 1, warm: [model] });
        console.log(made, await seen());
        await pool.close();`,
    });

    const { stdout } = await runNode([project.path("main.js")]);

    assert.equal(stdout, "0 1\n");
  });
});

describe("a value of a program without workers", () => {
  test("is there once, is warm as it opens, and is disposed of as its last pool closes", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    process.env.MERINO_TEST_STATE = effects.path("state");
    const pool = await WorkerPool.open({ local: true, warm: [model] });
    const other = await WorkerPool.open({ local: true });

    const value = await readModel();
    const local = await readModel.local();
    await pool.close();
    const still = await base.get();
    await other.close();
    delete process.env.MERINO_TEST_STATE;

    assert.deepEqual(value, local);
    assert.equal(value.uid, undefined);
    assert.equal(still, value.number);
    assert.deepEqual(linesOf(effects), [
      "start program",
      "make model",
      "dispose model",
      "dispose base",
      "stop",
    ]);
    assert.equal(await base.get(), value.number + 1);
    await base[Symbol.asyncDispose]();
  });

  test("is there anew for a pool that opens while the last one closes", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    process.env.MERINO_TEST_STATE = effects.path("state");
    const first = await WorkerPool.open({ local: true, warm: [model] });

    const closing = first.close();
    // One that opens before that shares what there is.
    await eventually(() => linesOf(effects).includes("dispose model"), { everyMs: 0 });
    const second = await WorkerPool.open({ local: true, warm: [model] });
    await closing;
    await second.close();
    delete process.env.MERINO_TEST_STATE;

    const life = ["start program", "make model", "dispose model", "stop"];
    assert.deepEqual(
      linesOf(effects).filter((line) => life.includes(line)),
      [...life, ...life],
    );
  });

  test("that never comes rejects with the reason of the running task", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ local: true });
    const error = (await rejection(readNever.with({ timeout: 20 })())) as { readonly code?: string };

    assert.equal(error.code, "ERR_MERINO_TIMEOUT");
    await never[Symbol.asyncDispose]();
  });
});
