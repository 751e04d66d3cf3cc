/** The lines of the program in the errors of its calls, over real workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerPool } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { fail, giveFunction, snooze } from "../fixtures/pool-routines.ts";
import { rejection } from "../fixtures/pool-support.ts";

const HERE = /at (?:async )?inProgram \(.*failed-calls\.test\.ts:\d+:\d+\)/;

test("errors of calls show the line that waits, whatever ends the call", async () => {
  await using _ = leakCheck();
  async function early(): Promise<void> {
    await (async function inProgram() {
      await fail("no pool");
    })();
  }
  const noPool = await rejection(early());
  await using pool = await WorkerPool.open({ size: 1 });
  // Deep enough for the library's own frames to fill the stack.
  const unsendable = [[[[[[[[() => 1]]]]]]]];
  const reason = new Error("mine");
  const before = reason.stack;

  const errors = [
    noPool,
    await rejection(
      (async function inProgram() {
        await fail("no good");
      })(),
    ),
    await rejection(
      (async function inProgram() {
        await snooze.with({ timeout: 30 })(60_000);
      })(),
    ),
    await rejection(
      (async function inProgram() {
        await fail(unsendable as never);
      })(),
    ),
    await rejection(
      (async function inProgram() {
        await giveFunction();
      })(),
    ),
    await rejection(
      (async function inProgram() {
        for await (const _item of pool.map(fail, ["no good"])) assert.fail("it goes on");
      })(),
    ),
  ];
  const aborted = await rejection(
    (async function inProgram() {
      await snooze.with({ signal: AbortSignal.abort(reason) })(1);
    })(),
  );

  for (const error of errors) assert.match((error as Error).stack ?? "", HERE);
  // Of the library's own waiting, which of a map is several functions, no line is left.
  for (const error of errors)
    assert.doesNotMatch((error as Error).stack ?? "", /at async .*\/(?:dist|src)\//);
  // Frames of the worker come first.
  assert.match((errors[1] as Error).stack ?? "", /pool-routines\.ts[\s\S]*\[worker [\s\S]*inProgram/);
  // Of a result that cannot be sent, no frame of the worker's tells anything.
  assert.match(
    (errors[4] as Error).stack ?? "",
    /it is a function.*\n {4}at \[worker [^\n]*\n {4}at async inProgram/,
  );
  assert.equal(aborted, reason);
  assert.equal(reason.stack, before);
});
