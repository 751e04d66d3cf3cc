/** What workers print reaches the output of their parent: complete, in order, by way of its own streams. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { allGone, runProgram } from "./programs.ts";

const LINES = 10_000;

function lines(stream: string): string {
  return Array.from({ length: LINES }, (_, line) => `${stream} ${line} ${"x".repeat(90)}\n`).join("");
}

test("ProcessWorker forwards each stream completely and in order, also what was printed just before the end", async () => {
  await using program = runProgram("prints", String(LINES));

  const { exitCode, stdout, stderr } = await program.ended;

  assert.equal(stdout === lines("out"), true, "stdout");
  assert.equal(stderr === lines("err"), true, "stderr");
  assert.equal(exitCode, 0);
});

test("ProcessWorker prints through a process.stdout.write that the parent replaced", async () => {
  await using program = runProgram("prints into a patch", "3");

  const seen = await program.told();

  assert.match(String(seen), /^out 0 x+\nout 1 x+\nout 2 x+\n$/);
  assert.equal((await program.ended).stdout, "");
});

test("ProcessWorker does not let a busy parent hold up a worker that prints", async () => {
  using folder = temporaryPackage({});
  await using program = runProgram("is busy", String(LINES), folder.path("printed"));

  const { printed } = (await program.told()) as { readonly printed: boolean };

  // The parent does nothing else until the worker has printed megabytes.
  assert.equal(printed, true);
  assert.equal((await program.ended).stdout === lines("out"), true);
});

test("ProcessWorker does not crash a parent whose output nobody reads any more", async () => {
  await using program = runProgram("loses its reader");
  const { workers } = (await program.told()) as { readonly workers: number[] };

  program.child.stdout?.destroy();

  assert.deepEqual(await program.told(), { exitCode: 0, stderr: "" });
  assert.equal((await program.ended).exitCode, 0);
  await allGone(workers);
});
