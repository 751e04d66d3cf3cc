/** Workers and the life of their parent: they never prolong it and never outlive it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { allGone, runProgram, runProgramWith } from "./programs.ts";

test("ProcessWorker lets a program end that has nothing else to do, and ends with it", async () => {
  await using program = runProgram("runs out");
  const workers = (await program.told()) as number[];

  const { exitCode, stderr } = await program.ended;

  assert.equal(exitCode, 0);
  assert.equal(stderr, "");
  await allGone(workers);
});

test("ProcessWorker ends with a program that exits under it", async () => {
  await using program = runProgram("exits");
  const workers = (await program.told()) as number[];

  const { exitCode, stderr } = await program.ended;

  assert.equal(exitCode, 7);
  assert.equal(stderr, "");
  await allGone(workers);
});

test("ProcessWorker keeps the program alive while it starts and while it stops", async () => {
  await using program = runProgram("starts and stops");

  const told = await program.told();

  assert.deepEqual(told, { exit: { exitCode: 0, stderr: "" }, shells: [0, 0] });
  assert.equal((await program.ended).exitCode, 0);
});

test("ProcessWorker goes down with a parent that is killed, although it is busy", async () => {
  await using program = runProgram("lives on", "busy");
  const workers = (await program.told()) as number[];

  program.child.kill("SIGKILL");

  await allGone(workers);
});

test("ProcessWorker goes down with a parent that is killed, also where setpriv is missing", async () => {
  await using program = runProgramWith({ MERINO_TEST_WITHOUT_SETPRIV: "1" }, "lives on", "busy");
  const workers = (await program.told()) as number[];

  program.child.kill("SIGKILL");

  await allGone(workers);
});

test("ProcessWorker has a guardian where setpriv is missing, and no longer than there are workers", async () => {
  await using program = runProgramWith({ MERINO_TEST_WITHOUT_SETPRIV: "1" }, "starts and stops");

  assert.deepEqual(await program.told(), { exit: { exitCode: 0, stderr: "" }, shells: [1, 0] });
  assert.equal((await program.ended).exitCode, 0);
});

test("ProcessWorker.start explains that no file descriptors are left, and leaves nothing", async () => {
  await using program = runProgram("has no descriptors");

  const told = (await program.told()) as Readonly<Record<string, unknown>>;

  assert.equal(told.code, "ERR_MERINO_WORKER_START");
  assert.match(String(told.message), /open files/);
  assert.equal(told.pid, null);
  assert.deepEqual(told.exit, { stderr: "" });
});
