/** Where the stack of a body's error ends when it is sent, whatever the body and its program have done to it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { runInNewContext, runInThisContext } from "node:vm";
import { type AnyGenerator, bodyStack, resumeBody, startBody } from "../../../src/worker/body-stack.ts";

type Run = () => unknown;

const { sourceMapsEnabled } = process;
const limit = Error.stackTraceLimit;
const formatter = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");

afterEach(() => {
  process.setSourceMapsEnabled(sourceMapsEnabled);
  Error.stackTraceLimit = limit;
  if (formatter === undefined) Reflect.deleteProperty(Error, "prepareStackTrace");
  else Object.defineProperty(Error, "prepareStackTrace", formatter);
});

function inBody(): never {
  throw new TypeError("no good");
}

function inCatch(): never {
  throw new TypeError("no good");
}

function* steps(): Generator<number, void, unknown> {
  try {
    yield 1;
    inBody();
  } catch {
    inCatch();
  } finally {
    // This is how return() fails.
    inBody();
  }
}

async function* asyncSteps(): AsyncGenerator<number, void, unknown> {
  yield* steps();
}

/** What a body throws that is run as Merino runs it, with frames of its own below. */
async function thrownBy(run: Run): Promise<object> {
  try {
    await (function notOfTheBody() {
      return run();
    })();
  } catch (error) {
    return error as object;
  }
  return assert.fail("nothing was thrown");
}

function call(body: (...parameters: never[]) => unknown): Promise<object> {
  return thrownBy(() => startBody(body, undefined, []));
}

function lines(stack: unknown): readonly string[] {
  return String(stack).split("\n");
}

const first = (start: () => AnyGenerator) => () => resumeBody(start(), "next", undefined);
const later = (start: () => AnyGenerator, method: "next" | "throw" | "return") => async () => {
  const generator = start();
  await resumeBody(generator, "next", undefined);
  return resumeBody(generator, method, undefined);
};
function* atOnce(): Generator<number, void, unknown> {
  inBody();
}
async function* atOnceAsync(): AsyncGenerator<number, void, unknown> {
  inBody();
}

const runs: Readonly<Record<string, Run>> = {
  "a function": () => startBody(inBody, undefined, []),
  "an async function": () => startBody(async () => inBody(), undefined, []),
  "an async function, later": () =>
    startBody(
      async () => {
        await null;
        inBody();
      },
      undefined,
      [],
    ),
  "a function without a name": () =>
    startBody(
      (
        () => () =>
          inBody()
      )(),
      undefined,
      [],
    ),
  "a generator's first step": first(atOnce),
  "a generator's later step": later(steps, "next"),
  "a generator's throw()": later(steps, "throw"),
  "a generator's return()": later(steps, "return"),
  "an async generator's first step": first(atOnceAsync),
  "an async generator's later step": later(asyncSteps, "next"),
  "an async generator's throw()": later(asyncSteps, "throw"),
  "an async generator's return()": later(asyncSteps, "return"),
};

for (const mapped of [false, true]) {
  for (const read of [false, true]) {
    for (const [name, run] of Object.entries(runs)) {
      const how = `${mapped ? ", with source maps" : ""}${read ? ", if the body has read it" : ""}`;
      test(`bodyStack ends at the body: ${name}${how}`, async () => {
        process.setSourceMapsEnabled(mapped);
        const error = (await thrownBy(run)) as Error;
        if (read) assert.match(error.stack ?? "", /no good/);

        const stack = lines(bodyStack(error));

        assert.equal(stack[0], "TypeError: no good");
        assert.match(stack[1] ?? "", /^ {4}at (?:inBody|inCatch) \(.*body-stack\.test\.ts:\d+:\d+\)$/);
        assert.doesNotMatch(stack.join("\n"), /notOfTheBody|src.worker.body-stack|<anonymous>\)$/);
        for (const line of stack.slice(1)) assert.match(line, /^ {4}at /);
      });
    }
  }
}

for (const mapped of [false, true]) {
  test(`bodyStack writes frames and first lines as Node does${mapped ? ", with source maps" : ""}`, async () => {
    process.setSourceMapsEnabled(mapped);
    class Own extends Error {
      override name = "Own";
    }
    const bodies = [
      () => readFileSync("/nowhere"),
      () => Buffer.alloc(-1),
      () => JSON.parse("{"),
      () => assert.equal(1, 2),
      () => assert.ok(false, "several\nlines"),
      () =>
        [1].map(
          () =>
            new (class Made {
              constructor() {
                inBody();
              }
            })(),
        ),
      () => runInThisContext("() => { throw new TypeError('no good'); }")(),
      () => runInNewContext("throw new TypeError('no good')"),
      () => {
        throw new Own("mine");
      },
      () => {
        throw Object.assign(new Error("before"), { message: "" });
      },
      () => {
        throw Object.assign(new Error("coded"), { code: "E_MINE" });
      },
      () => {
        throw Object.assign(new Error("before"), { message: "after" });
      },
      () => new DOMException("x", "AbortError").toString() && AbortSignal.abort().throwIfAborted(),
    ];
    for (const body of bodies) {
      const whole = ((await call(body)) as Error).stack ?? "";
      const stack = String(bodyStack(await call(body)));

      // The line of the body, which both have been called from, is the same one.
      assert.ok(whole.startsWith(stack), `${stack}\nis not the beginning of\n${whole}`);
      assert.match(stack, /body-stack\.test\.ts/);
      assert.doesNotMatch(stack, /notOfTheBody/);
    }
  });
}

test("bodyStack leaves Error as it was, for the program", async () => {
  process.setSourceMapsEnabled(false);
  const before = Object.getOwnPropertyDescriptors(Error);

  bodyStack(await call(inBody));

  assert.deepEqual(Object.getOwnPropertyDescriptors(Error), before);
  assert.deepEqual(Object.keys(Object.getOwnPropertyDescriptors(Error)), Object.keys(before));
});

test("bodyStack has no more frames written than it needs, where Node shows its formatter", async (t) => {
  if (Error.prepareStackTrace === undefined) return t.skip("this version does not");
  process.setSourceMapsEnabled(false);
  const error = (await call(inBody)) as Error;

  bodyStack(error);

  assert.match(String(error.stack), /inBody/);
  assert.doesNotMatch(String(error.stack), /notOfTheBody/);
});

test("bodyStack gives what a formatter of the program makes of the stack, and no less", async () => {
  process.setSourceMapsEnabled(false);
  const frames: number[] = [];
  Error.prepareStackTrace = (error, sites) => {
    frames.push(sites.length);
    return `mine: ${error.message}\n    at ${sites.join("\n    at ")}`;
  };
  const text = bodyStack(await call(inBody));
  Error.prepareStackTrace = (_, sites) => sites;
  const list = bodyStack(await call(inBody));
  Error.prepareStackTrace = () => {
    throw new RangeError("formatter");
  };
  const failing = await call(inBody);

  assert.match(String(text), /^mine: no good\n {4}at inBody [\s\S]*notOfTheBody/);
  assert.ok(Array.isArray(list));
  assert.throws(() => bodyStack(failing), RangeError);
  assert.ok((frames[0] ?? 0) > 2);
});

test("bodyStack gives a stack as it is that is none", async () => {
  const frozen = Object.freeze(new Error("frozen"));
  const unreadable = Object.defineProperty(new Error("x"), "stack", {
    get: () => {
      throw new RangeError("no stack");
    },
  });
  const withoutMessage = Object.defineProperty({ stack: "a text" }, "message", {
    get: () => {
      throw new RangeError("no message");
    },
  });

  assert.equal(bodyStack(Object.assign(new Error("x"), { stack: undefined })), undefined);
  assert.equal(bodyStack(Object.assign(new Error("x"), { stack: 7 })), 7);
  assert.equal(bodyStack({ stack: "a text\n    at all" }), "a text\n    at all");
  assert.equal(bodyStack(withoutMessage), "a text");
  assert.equal(bodyStack({}), undefined);
  assert.equal(bodyStack(frozen), frozen.stack);
  assert.throws(() => bodyStack(unreadable), RangeError);
});

test("bodyStack cuts nothing of a stack in the message, nor of what is below the mark of a worker", async () => {
  const inner = (await call(inBody)) as Error;
  const wrapped = (await call(async () => {
    await null;
    throw new Error(`wrapped: ${inner.stack}`);
  })) as Error;
  const passedOn = (await call(inBody)) as Error;
  passedOn.stack = `${passedOn.stack}\n    at [worker 1 (w)]\n    at async caller (file:///main.js:1:1)`;

  assert.match(inner.stack ?? "", /notOfTheBody/);
  assert.equal(bodyStack(wrapped), wrapped.stack);
  assert.equal(bodyStack(passedOn), passedOn.stack);
});

test("bodyStack works with few frames, and with more than there are", async () => {
  for (const [stackTraceLimit, frames] of [
    [0, 0],
    [1, 1],
    [2, 1],
    [100, 1],
  ] as const) {
    for (const mapped of [false, true]) {
      process.setSourceMapsEnabled(mapped);
      Error.stackTraceLimit = stackTraceLimit;
      const error = await call(inBody);

      assert.equal(lines(bodyStack(error)).length, 1 + frames);
      assert.equal(Error.stackTraceLimit, stackTraceLimit);
    }
  }
});
