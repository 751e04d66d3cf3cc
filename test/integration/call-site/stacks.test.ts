/** What the stacks of errors show that have come from real workers: the lines of bodies and programs, and no others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { ProcessWorker, WorkerPool } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { runNode } from "../../support/run-node.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { rejection } from "../fixtures/pool-support.ts";
import * as routines from "./fixtures/stack-routines.ts";

/** What a stack shows down to this program: the names of functions, and `[worker]` for each mark of one. */
function shown(error: unknown): readonly string[] {
  const [, ...lines] = String((error as Error).stack).split("\n");
  const names = lines.map((line) => {
    if (/^ {4}at \[worker \d+ \(.*\)\]$/.test(line)) return "[worker]";
    const frame = /^ {4}at (?:(.*) \()?(?:.*\/)?([\w.-]+:[\w/]+):\d+\)?$/.exec(line);
    return frame === null ? line : (frame[1] ?? frame[2]?.replace(/:.*/, "") ?? line);
  });
  const program = names.indexOf("async inProgram");
  return program === -1 ? names : names.slice(0, program + 1);
}

async function failing(call: () => Promise<unknown>): Promise<Error> {
  async function inProgram(): Promise<void> {
    await call();
  }
  return (await rejection(inProgram())) as Error;
}

/** What ends every stack here. */
const END = ["[worker]", "async inProgram"];

async function later(method: "next" | "throw" | "return", failingStep: number): Promise<void> {
  const generator = routines.steps(failingStep);
  await generator.next();
  if (method === "next") await generator.next();
  else if (method === "throw") await generator.throw(new Error("thrown at it"));
  else await generator.return(undefined as never);
}

for (const [how, execArgv] of [
  ["", []],
  [", with source maps", ["--enable-source-maps"]],
] as const) {
  test(`a stack shows the lines of the body and of the program${how}`, async () => {
    await using _ = leakCheck();
    const worker = ProcessWorker.factory({ execArgv: [...TYPESCRIPT_FLAGS, ...execArgv] });
    await using _pool = await WorkerPool.open({ size: 1, worker });
    const { sync, withoutName, readBefore, steps, asyncSteps, later: afterAwait } = routines;

    const function_ = await failing(() => sync("no good"));
    const stacks = {
      sync: shown(function_),
      // V8 may find some name for it.
      withoutName: shown(await failing(() => withoutName("no good"))).filter((_name, index) => index !== 1),
      readBefore: shown(await failing(() => readBefore())),
      afterAwait: shown(await failing(() => afterAwait("no good"))).slice(0, 2),
      firstStep: shown(await failing(() => steps(0).next())),
      laterStep: shown(await failing(() => later("next", 1))),
      thrownAt: shown(await failing(() => later("throw", -1))),
      returned: shown(await failing(() => later("return", 9))),
      asyncFirstStep: shown(await failing(() => asyncSteps(0).next())),
    };

    assert.match(
      String(function_.stack),
      /^TypeError: no good\n {4}at refuse \(.*stack-routines\.ts:6:9\)\n/,
    );
    assert.deepEqual(stacks, {
      sync: ["refuse", "sync", ...END],
      withoutName: ["refuse", ...END],
      readBefore: ["refuse", "readBefore", ...END],
      afterAwait: ["refuse", "later"],
      firstStep: ["refuse", "steps", ...END],
      laterStep: ["refuse", "steps", "[worker]", "async later", "async inProgram"],
      thrownAt: ["refuse", "steps", "[worker]", "async later", "async inProgram"],
      returned: ["refuse", "steps", "[worker]", "async later", "async inProgram"],
      asyncFirstStep: ["refuse", "asyncSteps", ...END],
    });
  });
}

test("a stack that has come from a worker", async (t) => {
  await using _ = leakCheck();
  await using _pool = await WorkerPool.open({ size: 2 });

  await t.test("shows the bodies of nested calls, in order, and that of a cause", async () => {
    const passedOn = await failing(() => routines.passOn("no good"));
    const wrapped = await failing(() => routines.wrap("no good"));

    // One worker or two may have run them.
    const names = (error: unknown) => shown(error).filter((name) => name !== "[worker]");
    assert.deepEqual(names(passedOn), ["refuse", "sync", "async passOn", "async inProgram"]);
    assert.deepEqual(names(wrapped.cause), ["refuse", "sync", "async wrap"]);
    assert.deepEqual([shown(passedOn)[2], shown(wrapped.cause)[2]], ["[worker]", "[worker]"]);
    assert.deepEqual(shown(wrapped).slice(-2), END);
    assert.match(
      inspect(wrapped),
      /Error: wrapped\n[\s\S]*async inProgram[\s\S]*\[cause\]: TypeError: no good\n[\s\S]*at refuse /,
    );
  });

  await t.test("is there for causes and for errors of several", async () => {
    const several = (await failing(() => routines.around())) as AggregateError;

    for (const error of [several, several.cause, several.errors[0]]) assert.equal(shown(error)[0], "around");
    assert.deepEqual(shown(several.cause), ["around", "[worker]"]);
    assert.match(
      inspect(several),
      /\[cause\]: RangeError: a cause\n +at around [\s\S]*SyntaxError: one of several\n +at around /,
    );
  });

  await t.test("is there for an error that is a value", async () => {
    const { errors } = await routines.asValue("a value");

    assert.match(String(errors[0]?.stack), /^TypeError: a value\n {4}at asValue \(.*stack-routines\.ts:/);
    assert.equal(structuredClone(errors[0])?.stack, errors[0]?.stack);
  });

  await t.test("is what its error has, if that is odd", async () => {
    const first = async (kind: string) =>
      String((await failing(() => routines.odd(kind))).stack).split("\n")[0];

    assert.equal(await first("no stack"), "TypeError: no stack");
    assert.equal(await first("a number"), "TypeError: a number");
    assert.equal(await first("a getter"), "TypeError: a getter");
    assert.equal(await first("frozen"), "TypeError: frozen");
    assert.equal(await first("closed"), "TypeError: closed");
    const frozen = await failing(() => routines.odd("frozen"));
    assert.deepEqual(shown(frozen), ["odd", ...END]);
    assert.equal(await rejection(routines.odd("a text")), "a text");
    assert.equal(await rejection(routines.odd("nothing")), undefined);
    assert.deepEqual(await rejection(routines.odd("no error")), { stack: "of no error" });
  });

  await t.test("is as the program of the worker formats it", async () => {
    const text = await failing(() => routines.formatted("text"));
    const list = await failing(() => routines.formatted("list"));
    const unreadable = await failing(() => routines.formatted("failing"));

    assert.match(String(text.stack), /^mine: text\n {4}at refuse [\s\S]*\[worker [\s\S]*async inProgram/);
    assert.match(String(list.stack), /^TypeError: list\n {4}at async inProgram/);
    assert.match(String(unreadable.stack), /^TypeError: failing\n {4}at async inProgram/);
  });

  await t.test("can be frozen before anybody looks at it", async () => {
    const error = await failing(() => routines.sync("frozen here"));

    Object.freeze(error);

    assert.deepEqual(shown(error), ["refuse", "sync", ...END]);
    assert.throws(() => {
      error.stack = "mine";
    }, TypeError);
  });
});

test("the error of a call shows where it arose to those that print it", async () => {
  const program = fileURLToPath(new URL("fixtures/uncaught.ts", import.meta.url));
  for (const how of ["throw", "console", "clone"]) {
    const { stderr } = await runNode([...TYPESCRIPT_FLAGS, program, how]);

    assert.match(
      stderr,
      /TypeError: no good\n {4}at refuse \(.*stack-routines\.ts:6:9\)\n {4}at sync \(.*\n {4}at \[worker .*\n {4}at async inProgram \(.*uncaught\.ts:8:3\)/,
      how,
    );
  }
});
