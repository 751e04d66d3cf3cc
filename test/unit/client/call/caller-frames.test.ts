/** Which lines of the program an error gets, by how the program waits for the call that fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rejectWithCallers, showCallers } from "../../../../src/client/call/caller-frames.ts";
import { TimeoutError } from "../../../../src/errors/timeout-error.ts";
import { WorkerStartError } from "../../../../src/errors/worker-start-error.ts";

/** A call that fails in a turn of its own. */
function failing(error: unknown): Promise<unknown> {
  return new Promise((resolve) => setImmediate(() => rejectWithCallers(resolve, error)));
}

/** An error as a worker sends it. */
function received(): TypeError {
  const error = new TypeError("no good");
  error.stack = "TypeError: no good\n    at body (file:///jobs.js:1:1)\n    at [worker 1 (w)]";
  return error;
}

async function stackAt(waiter: () => Promise<unknown>, error: Error): Promise<string> {
  await assert.rejects(waiter, (rejection) => rejection === error);
  return error.stack ?? "";
}

const waiters: Readonly<Record<string, (error: Error) => () => Promise<unknown>>> = {
  "at the await": (error) =>
    async function inProgram() {
      await failing(error);
    },
  "of a function that returns the promise to one that awaits": (error) =>
    async function inProgram() {
      await (async () => failing(error))();
    },
  "behind then()": (error) =>
    async function inProgram() {
      await failing(error).then((value) => value);
    },
  "in Promise.all": (error) =>
    async function inProgram() {
      await Promise.all([1, failing(error)]);
    },
  "after another await": (error) =>
    async function inProgram() {
      const promise = failing(error);
      await null;
      await promise;
    },
};

for (const [how, waiter] of Object.entries(waiters)) {
  test(`rejectWithCallers puts the lines that wait below those of the worker: ${how}`, async () => {
    const error = received();

    const stack = await stackAt(waiter(error), error);

    assert.match(stack, /^TypeError: no good\n {4}at body \(.*\n {4}at \[worker 1 \(w\)\]\n/);
    assert.match(stack, /at async inProgram \(.*caller-frames\.test\.ts/);
    assert.deepEqual(Object.keys(error), []);
  });
}

test("rejectWithCallers shows the lines in place of the library's own, in its own errors", async () => {
  const error = new TimeoutError("p/jobs.ts#slow", { phase: "sent", timeout: 5, option: "timeout" });

  const stack = await stackAt(async function inProgram() {
    await failing(error);
  }, error);

  assert.match(stack, /^TimeoutError: Cannot complete [^\n]+\n {4}at async inProgram /);
});

test("showCallers shows who waits for a function that fails, below a message that has lines like frames", async () => {
  const error = new WorkerStartError("it printed:\n    at main (file:///setup.js:1:1)\nand ended");

  const stack = await stackAt(async function inProgram() {
    await (async () => {
      await null;
      showCallers(error);
      throw error;
    })();
  }, error);

  assert.match(
    stack,
    /^WorkerStartError: [^\n]+\n {4}at main [^\n]+\n {4}and ended\n {4}at async inProgram /,
  );
});

test("rejectWithCallers leaves an error as it is that only callbacks wait for, and what is no error", async () => {
  const error = received();
  const before = error.stack;

  await new Promise<void>((resolve) => {
    failing(error).catch(() => resolve());
  });
  await assert.rejects(failing("text"), (reason) => reason === "text");

  assert.equal(error.stack, before);
});

test("rejectWithCallers traces an error once, and passes on one that cannot be changed or read", async () => {
  const shared = received();
  const frozen = Object.freeze(received());
  const unreadable = Object.defineProperty(new Error("x"), "stack", {
    get: () => {
      throw new Error("no stack");
    },
  });
  async function inProgram(error: Error): Promise<void> {
    await failing(error);
  }

  await assert.rejects(inProgram(shared));
  const once = shared.stack;
  await assert.rejects(inProgram(shared));

  assert.equal(shared.stack, once);
  await assert.rejects(inProgram(frozen), (reason) => reason === frozen);
  await assert.rejects(inProgram(unreadable), (reason) => reason === unreadable);
});

test("rejectWithCallers leaves the stack alone when there is a formatter that gives no text, or fails", async (context) => {
  const { prepareStackTrace } = Error;
  context.after(() => {
    Error.prepareStackTrace = prepareStackTrace;
  });
  for (const formatter of [
    () => [],
    () => {
      throw new Error("formatter");
    },
  ]) {
    const error = received();
    const before = error.stack;
    Error.prepareStackTrace = formatter as typeof Error.prepareStackTrace;
    await failing(error).catch(() => {});
    await (async () => await failing(error).catch(() => {}))();
    Error.prepareStackTrace = prepareStackTrace;
    assert.equal(error.stack, before);
  }
});
