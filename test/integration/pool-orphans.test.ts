/** A program and its workers end together, however the program ends; an idle pool keeps nobody alive. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { useEnvironment } from "../support/use-environment.ts";
import { type Effects, isAlive, useEffects } from "./fixtures/pool-support.ts";

const PROGRAM = fileURLToPath(new URL("./fixtures/pool-parent.ts", import.meta.url));

/** Starts the program, in a group of processes of its own; disposing it kills it. */
function startProgram(scene: string, effects: Effects, ...rest: readonly string[]) {
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  // What a killed program leaves there is swept when somebody looks for workers next.
  const env = { ...inherited, XDG_RUNTIME_DIR: effects.path("run") };
  mkdirSync(effects.path("run"), { mode: 0o700 });
  const child = spawn(
    process.execPath,
    [...TYPESCRIPT_FLAGS, PROGRAM, scene, effects.path("pids"), effects.path("other"), ...rest],
    { stdio: ["ignore", "pipe", "pipe"], env, detached: true },
  );
  const exited = once(child, "exit");
  const ended = Promise.all([exited, text(child.stdout), text(child.stderr)]).then(
    ([[exitCode, signal], stdout, stderr]) => ({ exitCode, signal, stdout, stderr }),
  );
  const workers = (): number[] => effects.lines("pids").map(Number);
  return {
    child,
    exited,
    ended,
    workers,
    signalGroup: (signal: NodeJS.Signals) => process.kill(-(child.pid ?? 0), signal),
    async allGone() {
      assert.ok(workers().length > 0, "there never were workers");
      await eventually(() => !workers().some(isAlive), { what: `workers ${workers()} have gone` });
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

describe("a program with a pool", () => {
  test("takes its workers with it when it is killed, a blocked one too", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("is killed", effects);
    await eventually(() => effects.lines("other").length === 2 && program.workers().length === 3, {
      withinMs: 20_000,
      what: "two workers are at it",
    });

    program.child.kill("SIGKILL");
    await program.exited;

    await program.allGone();
  });

  test("ends by itself when it has nothing else to do, with its own exit code", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("runs out with an idle pool", effects);

    const { exitCode, signal, stderr } = await program.ended;

    assert.deepEqual({ exitCode, signal, stderr }, { exitCode: 0, signal: null, stderr: "" });
    await program.allGone();
  });

  test("ends with the exit code of an error that nobody catches", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("throws", effects);

    const { exitCode, stderr } = await program.ended;

    assert.equal(exitCode, 1);
    assert.match(stderr, /the program is broken/);
    await program.allGone();
  });

  test("ends with the code it gives to process.exit()", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("exits", effects);

    const { exitCode } = await program.ended;

    assert.equal(exitCode, 5);
    await program.allGone();
  });

  test("stays alive until its calls have settled, then ends", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("has calls in flight", effects);

    const { exitCode, stdout } = await program.ended;

    assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "settled\n" });
    await program.allGone();
  });

  test("stays alive while a call waits for a worker's replacement", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("waits for a replacement", effects);

    const { exitCode, stdout } = await program.ended;

    assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "sum 3\n" });
  });

  test("stays alive while its pool is closing", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("closes", effects);

    const { exitCode, stdout } = await program.ended;

    assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "closed\n" });
    await program.allGone();
  });

  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    test(`keeps its workers until its calls have finished when its whole group gets ${signal}`, async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using program = startProgram("closes on a signal", effects, signal);
      await eventually(() => effects.lines("other").length === 2, { what: "two calls wait" });

      program.signalGroup(signal);
      await eventually(() => effects.lines("other").length === 4, {
        what: "program and routine have heard it",
      });
      writeFileSync(effects.path("other-go"), "");
      const { exitCode, stdout } = await program.ended;

      assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: `done,${signal}\n` });
      assert.deepEqual(effects.lines("other").slice(2).sort(), ["closing", `heard ${signal}`]);
      await program.allGone();
    });
  }

  test("takes its workers with it when its whole group gets a signal that it does not listen for", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("ends on a signal", effects);
    await eventually(() => effects.lines("other").length === 1, { what: "a call is under way" });

    program.signalGroup("SIGTERM");
    const { signal } = await program.ended;

    assert.equal(signal, "SIGTERM");
    await program.allGone();
  });

  test("takes its workers with it when its memory is exhausted", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    using environment = useEnvironment();
    environment.set("NODE_OPTIONS", "--max-old-space-size=64");
    await using program = startProgram("exhausts its memory", effects);

    const { exitCode, signal, stderr } = await program.ended;

    assert.ok(signal === "SIGABRT" || exitCode === 134, `ended by ${signal} ${exitCode}`);
    assert.match(stderr, /heap out of memory/);
    await program.allGone();
  });

  test("prints what its workers print, each on its own stream", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using program = startProgram("speaks", effects);

    const { stdout, stderr } = await program.ended;

    assert.deepEqual({ stdout, stderr }, { stdout: "out hello\n", stderr: "err hello\n" });
  });
});
