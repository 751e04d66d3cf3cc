/** Long values pass to a thread through memory that is used again: what has been made of one never becomes another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerPool } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { allKept, echo, echoes, keep } from "./fixtures/long-values.ts";

const LENGTHS = [30_000, 70_000, 400_000, 1_048_576, 1_100_000];
const LETTERS = ["t", "\u00e9", "\u6587"];

function valueOf(at: number) {
  const letter = LETTERS[at % LETTERS.length] as string;
  return {
    text: `${at}${letter}`.repeat(
      Math.ceil((LENGTHS[at % LENGTHS.length] as number) / `${at}${letter}`.length),
    ),
    bytes: new Uint8Array(60_000).fill(at),
    rows: Array.from({ length: 50 }, (_, row) => ({ at, row, name: `row ${row} of ${at}` })),
  };
}

test("values that a body or a caller keeps stay as they are while others come", async () => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });
  const sent = Array.from({ length: 30 }, (_, at) => valueOf(at));

  await Promise.all(sent.map((value) => keep(value)));
  const echoed = await Promise.all(sent.map((value) => echo(value)));
  const one = [];
  for (const value of sent.slice(0, 10)) one.push(await echo(value));

  assert.deepEqual(echoed, sent);
  assert.deepEqual(one, sent.slice(0, 10));
  const kept = (await allKept()) as typeof sent;
  const byNumber = (value: (typeof sent)[number]) => value.rows[0]?.at ?? -1;
  assert.deepEqual(
    [...kept].sort((left, right) => byNumber(left) - byNumber(right)),
    sent,
  );
});

test("calls that are cancelled while they wait leave what the others have sent alone", async () => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });
  const controllers = Array.from({ length: 20 }, () => new AbortController());

  const calls = controllers.map(({ signal }, at) => echo.with({ signal })(valueOf(at)));
  const outcomes = Promise.allSettled(calls);
  for (const [at, controller] of controllers.entries()) if (at % 2 === 0) controller.abort();

  for (const [at, outcome] of (await outcomes).entries()) {
    if (at % 2 === 1) assert.deepEqual(outcome, { status: "fulfilled", value: valueOf(at) });
  }
  assert.deepEqual(await echo(valueOf(21)), valueOf(21));
});

test("long values that a generator is sent and yields are each their own", async () => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });
  const stream = echoes(valueOf(0));
  const results: unknown[] = [(await stream.next()).value];

  for (let at = 1; at < 12; at++) results.push((await stream.next(valueOf(at))).value);
  await stream.return(undefined);

  assert.deepEqual(
    results,
    Array.from({ length: 12 }, (_, at) => valueOf(at)),
  );
});
