/** Values and errors on their way through a real worker: the table of awkward values, and what routines throw. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isMerinoError, RemoteError, WorkerPool } from "merino";
import { leakCheck } from "../support/leak-check.ts";
import { assertSame } from "../unit/codec/assert-same.ts";
import { PaymentError } from "../unit/codec/awkward-classes.ts";
import { AWKWARD_VALUES } from "../unit/codec/awkward-values.ts";
import {
  areOne,
  echo,
  echoAll,
  fail,
  isEcho,
  resultOfPlatform,
  resultThatCannotTravel,
  settleAll,
  untilAborted,
  wasCleanedUp,
  yieldErrors,
  yieldThatCannotTravel,
} from "./fixtures/value-routines.ts";

let pool: WorkerPool;
let leaks: AsyncDisposable;

before(async () => {
  leaks = leakCheck();
  pool = await WorkerPool.open({ size: 1 });
});

after(async () => {
  await pool.close();
  await leaks[Symbol.asyncDispose]();
});

test("echo of every awkward value arrives as itself, or is refused at its path before it is sent", async () => {
  let arrived = 0;
  let refused = 0;
  // What flows is tried in `flows/`.
  for (const { name, make, refusedAt, arrives } of AWKWARD_VALUES.filter(({ flows }) => !flows)) {
    const value = make();
    if (refusedAt !== undefined) {
      const before = pool.stats().workers[0]?.completed;
      await assert.rejects(
        echo(value),
        { code: "ERR_MERINO_NOT_SERIALIZABLE", path: `args[0]${refusedAt}` },
        name,
      );
      assert.equal(pool.stats().workers[0]?.completed, before, `${name}: something was sent`);
      refused += 1;
      continue;
    }
    const expected = arrives === undefined ? value : arrives(value);
    try {
      assertSame(await echo(value), expected, { stacks: false });
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    arrived += 1;
  }
  assert.ok(arrived >= 90, `${arrived} values arrived`);
  assert.ok(refused >= 15, `${refused} values were refused`);
});

test("a stream of awkward values arrives in order", async () => {
  const rows = AWKWARD_VALUES.filter(
    ({ refusedAt, arrives }) => refusedAt === undefined && arrives === undefined,
  );
  const sent = rows.map(({ make }) => make());
  const received: unknown[] = [];

  for await (const value of echoAll(sent)) received.push(value);

  assert.equal(received.length, sent.length);
  for (const [index, value] of received.entries()) assertSame(value, sent[index], { stacks: false });
});

test("arguments keep their common identity, and are copies", async () => {
  const shared = { n: 1 };

  const back = await echo(shared);

  assert.equal(await areOne(shared, shared), true);
  assert.equal(await areOne(shared, { n: 1 }), false);
  assert.notEqual(back, shared);
});

test("a routine arrives as the same routine, there and back", async () => {
  assert.equal(await isEcho(echo), true);
  assert.equal(await echo(echo), echo);
});

test("an AbortSignal among the arguments fires on the worker with the caller's reason", async () => {
  const controller = new AbortController();
  const call = untilAborted({ signal: controller.signal });
  controller.abort({ because: "enough" });

  const { reason, own } = await call;

  assert.deepEqual(reason, { because: "enough" });
  assert.equal(own, false, "the task's own signal is another one");
  await assert.rejects(echo(new AbortController()), { code: "ERR_MERINO_NOT_SERIALIZABLE", path: "args[0]" });
});

test("a signal that had already fired arrives as fired", async () => {
  const { reason } = await untilAborted({ signal: AbortSignal.abort("early") });

  assert.equal(reason, "early");
});

test("errors arrive with class, message, causes and fields, and their stacks name the source and the worker", async () => {
  const error = await failure("type");

  assert.ok(error instanceof TypeError, "its class");
  assert.equal(error.message, "not a number");
  assert.ok(error.cause instanceof RangeError, "the class of its cause");
  assert.deepEqual(error.cause.cause, { code: 7 });
  assert.match(error.stack ?? "", /value-routines\.ts:\d+:\d+/);
  assert.match(error.stack ?? "", new RegExp(`worker ${pool.workers[0]?.pid}`));
});

test("an AggregateError arrives with its errors", async () => {
  const error = await failure("aggregate");

  assert.ok(error instanceof AggregateError, "its class");
  assert.deepEqual(
    error.errors.map((each: Error) => [each.constructor, each.message]),
    [
      [Error, "first"],
      [SyntaxError, "second"],
    ],
  );
});

test("an error of a portable class arrives as that class", async () => {
  const error = await failure("registered");

  assert.ok(error instanceof PaymentError, "its class");
  assert.equal(error.attempts, 4200);
});

test("an error of an unknown class arrives as RemoteError with the original's name and fields", async () => {
  const error = await failure("unknown");

  assert.ok(error instanceof RemoteError, "its class");
  assert.ok(isMerinoError(error), "its brand");
  assert.equal(error.remoteName, "StrangeError");
  assert.equal((error as unknown as { code: string }).code, "E_STRANGE");
  assert.deepEqual((error as unknown as { details: unknown }).details, { depth: 3 });
});

test("a DOMException arrives with its name and code", async () => {
  const error = await failure("dom");

  assert.ok(error instanceof DOMException, "its class");
  assert.equal(error.name, "AbortError");
  assert.equal(error.code, DOMException.ABORT_ERR);
});

test("errors that Node throws arrive as the built-in class that they are, with code and fields", async () => {
  const node = (await failure("node")) as TypeError & { code: string };
  const system = (await failure("system")) as NodeJS.ErrnoException;
  const assertion = (await failure("assertion")) as assert.AssertionError;

  assert.ok(node instanceof TypeError && !isMerinoError(node), "the class of a TypeError");
  assert.equal(node.code, "ERR_INVALID_ARG_TYPE");
  assert.match(node.stack ?? "", /^TypeError \[ERR_INVALID_ARG_TYPE\]: The "path" argument/);
  assert.equal(Object.getPrototypeOf(system), Error.prototype);
  assert.deepEqual(
    [system.code, system.syscall, system.path, typeof system.errno],
    ["ENOENT", "open", "/nowhere/at-all", "number"],
  );
  assert.ok(assertion instanceof assert.AssertionError, "the class of an AssertionError");
  assert.deepEqual(
    [assertion.message, assertion.actual, assertion.expected, assertion.generatedMessage],
    ["unequal", { a: 1 }, { a: 2 }, false],
  );
});

test("errors among values arrive as they would if they were thrown", async () => {
  const [rejected, fulfilled] = await settleAll();
  const values: unknown[] = [];
  for await (const value of yieldErrors()) values.push(value);
  const sent = await echo([Object.assign(new SyntaxError("sent"), { retry: () => 1 })]);

  assert.deepEqual(fulfilled, { status: "fulfilled", value: 1 });
  const reason = (rejected as PromiseRejectedResult).reason as TypeError & { request: { url: string } };
  assert.ok(reason instanceof TypeError, "the class of the reason");
  assert.equal(reason.request.url, "u");
  assert.match(String((reason.request as unknown as { retry: unknown }).retry), /^\[not sent: /);
  assert.ok(values[0] instanceof RangeError && values[1] === 2, "what was yielded");
  assert.ok((sent as unknown[])[0] instanceof SyntaxError, "what came back");
});

test("a response whose body has been read is refused with what to return instead", async () => {
  await assert.rejects(resultOfPlatform(), {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    path: "result.response",
    message: /clone\(\)/,
  });
});

test("what is thrown and is no error arrives as thrown", async () => {
  assert.equal(await failure("text"), "just text");
  assert.equal(await failure("nothing"), undefined);
});

test("a field of an error that cannot travel is replaced, and the rest arrives", async () => {
  const error = (await failure("fields")) as Error & {
    status: number;
    headers: Map<string, string>;
    bad: unknown;
  };

  assert.equal(error.message, "with fields");
  assert.equal(error.status, 404);
  assert.deepEqual([...error.headers], [["a", "b"]]);
  assert.equal(typeof error.bad, "string");
});

test("a result that cannot travel fails its call with the path, and blames the routine", async () => {
  await assert.rejects(resultThatCannotTravel(), {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    path: "result.rows[0].callback",
    fault: "routine",
  });
});

test("a yielded value that cannot travel fails the stream after the generator's finally has run", async () => {
  const stream = yieldThatCannotTravel();
  assert.deepEqual(await stream.next(), { value: 1, done: false });

  await assert.rejects(stream.next(), { code: "ERR_MERINO_NOT_SERIALIZABLE", path: "result.callback" });

  assert.equal(await wasCleanedUp(), true);
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

async function failure(kind: string): Promise<unknown> {
  try {
    await fail(kind);
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: `fail('${kind}') did not throw` });
}
