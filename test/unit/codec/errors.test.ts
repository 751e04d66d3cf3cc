/** Which class an error arrives as, and that its parts degrade in the same way wherever it stands. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { EventEmitter, on } from "node:events";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { setPriority } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { inherits, inspect, parseArgs, types } from "node:util";
import { createContext, runInContext, runInNewContext } from "node:vm";
import { createGzip, inflateSync } from "node:zlib";
import { encodeThrown, encodeValue } from "../../../src/codec/encode/encoder.ts";
import { decode, encode, portable } from "../../../src/codec/portable.ts";
import { isMerinoError } from "../../../src/errors/merino-error.ts";
import { RemoteError } from "../../../src/errors/remote-error.ts";
import { assertSame } from "./assert-same.ts";
import { LimitError, StrangeError, Stranger } from "./awkward-classes.ts";
import { messageOf, receive, references, roundTrip, send } from "./support.ts";

type Fields = Record<string, unknown>;

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    CompileError: new (message: string) => Error;
  };
};

async function caught(action: () => unknown): Promise<Error & Fields> {
  try {
    await action();
  } catch (error) {
    return error as Error & Fields;
  }
  return assert.fail("nothing was thrown");
}

function thrown(error: unknown): unknown {
  return receive(messageOf(encodeThrown(error, { root: "error", references })));
}

const NODE_ERRORS: Readonly<Record<string, [() => unknown, new (...parameters: never[]) => Error]>> = {
  "path.join(undefined)": [() => path.join(undefined as never), TypeError],
  "Buffer.alloc(-1)": [() => Buffer.alloc(-1), RangeError],
  "Buffer.from(5)": [() => Buffer.from(5 as never), TypeError],
  "an option of zlib": [() => createGzip({ level: 99 }), RangeError],
  "data for zlib": [() => inflateSync(Buffer.from("nope")), Error],
  "util.parseArgs": [() => parseArgs({ args: ["--x"], options: {} }), TypeError],
  "an encoding": [() => new TextDecoder("nope"), RangeError],
  "text that is malformed": [
    () => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])),
    TypeError,
  ],
  "a premature close": [() => finished(new Readable({ read() {} }).destroy()), Error],
  "a module that is not there": [() => import("./nowhere.mjs" as string), Error],
  "a package that is not there": [() => import("a-package-that-is-not-there" as string), Error],
  "a file that is not there": [() => readFileSync("/nowhere"), Error],
  "a copy onto itself": [() => cpSync("/etc/passwd", "/etc/passwd"), Error],
  "the removal of a folder as if it were a file": [() => rmSync(process.cwd()), Error],
  "a priority of a process that is not there": [() => setPriority(2 ** 22 + 1, 0), Error],
  "a process that is not there": [() => process.kill(2 ** 22 + 1, 0), Error],
  "a refused connection": [
    () => new Promise((_, reject) => connect(1, "127.0.0.1").on("error", reject)),
    Error,
  ],
  "an error made as Node makes that of several refused connections": [
    () => {
      class NodeAggregateError extends AggregateError {
        readonly code = "ECONNREFUSED";
      }
      Object.defineProperty(NodeAggregateError.prototype, "constructor", { get: () => AggregateError });
      throw new NodeAggregateError([new Error("a"), new Error("b")]);
    },
    AggregateError,
  ],
  "a command that fails": [() => execFileSync("false"), Error],
  "a URL": [() => new URL("nope"), TypeError],
  "JSON.parse": [() => JSON.parse("{"), SyntaxError],
  "an aborted listener": [() => on(new EventEmitter(), "x", { signal: AbortSignal.abort("why") }), Error],
  "an assertion": [() => assert.equal(1, 2), assert.AssertionError],
  "a deep assertion": [() => assert.deepEqual({ a: 1 }, { a: [2] }), assert.AssertionError],
  "an assertion with a message": [() => assert.ok(false, "why"), assert.AssertionError],
  "the compiler of WebAssembly": [() => new WebAssembly.Module(new Uint8Array(8)), WebAssembly.CompileError],
};

for (const [name, [action, errorClass]] of Object.entries(NODE_ERRORS)) {
  test(`an error of Node arrives as the built-in class that it is: ${name}`, async () => {
    const error = await caught(action);
    assert.ok(error instanceof errorClass);

    for (const arrived of [roundTrip(error), thrown(error)] as (Error & Fields)[]) {
      assert.equal(Object.getPrototypeOf(arrived), errorClass.prototype);
      assert.ok(!isMerinoError(arrived) && types.isNativeError(arrived));
      assert.deepEqual(
        [arrived.name, arrived.message, arrived.code, arrived.stack],
        [error.name, error.message, error.code, error.stack],
      );
      assert.deepEqual(Object.keys(arrived).sort(), Object.keys(error).sort());
      for (const key of Object.keys(error)) assertSame(arrived[key], error[key], { stacks: false });
      assertSame(arrived.cause, error.cause);
      // A loader may make errors of its own, which show their code in the stack only.
      if (error.toString !== Error.prototype.toString) assert.equal(String(arrived), String(error));
    }
  });
}

test("an error of Node is printed as Node prints its own", async () => {
  const error = await caught(() => path.join(undefined as never));

  const arrived = roundTrip(error);

  assert.match(inspect(arrived), /^TypeError \[ERR_INVALID_ARG_TYPE\]: The "path" argument/);
  assert.deepEqual(inspect(arrived).split("\n").at(-2), inspect(error).split("\n").at(-2));
  assert.match(String(arrived), /^TypeError \[ERR_INVALID_ARG_TYPE\]: /);
  assert.equal(String(roundTrip(arrived)), String(error));
});

test("an AssertionError keeps what it compared, and an unequal pair that cannot travel becomes texts", async () => {
  const plain = await caught(() => assert.strictEqual(1, 2, "why"));
  const odd = await caught(() => assert.strictEqual(new Stranger(), parseInt));

  const [one, two] = [roundTrip(plain), roundTrip(odd)] as (assert.AssertionError & Fields)[];

  assert.deepEqual(
    [one?.actual, one?.expected, one?.operator, one?.generatedMessage, one?.code, one?.message],
    [1, 2, "strictEqual", false, "ERR_ASSERTION", plain.message],
  );
  assert.ok(two instanceof assert.AssertionError);
  assert.match(String(two.actual), /^\[not sent: .*Stranger/);
  assert.match(String(two.expected), /^\[not sent: .*function 'parseInt'/);
});

test("a class of a program never arrives as the built-in class below it", () => {
  class AssertionError extends Error {
    override name = "AssertionError";
  }
  class AbortError extends Error {
    override name = "AbortError";
    readonly code = "ABORT_ERR";
  }
  class DOMException extends Error {}
  class Bare extends TypeError {}
  class BelowAssertion extends assert.AssertionError {
    override name = "BelowAssertion";
  }
  class BelowDom extends globalThis.DOMException {}
  class Claiming extends TypeError {}
  Object.defineProperty(Claiming.prototype, "constructor", { get: () => Claiming });
  function Old(this: Error): void {
    this.message = "m";
    this.name = "Old";
  }
  inherits(Old as never, TypeError as never);
  const errors: [Error, string][] = [
    [new AssertionError("m"), "AssertionError"],
    [new AbortError("m"), "AbortError"],
    [new DOMException("m"), "DOMException"],
    [new Bare("m"), "Bare"],
    [new BelowAssertion({ message: "m" }), "BelowAssertion"],
    [new BelowDom("m", "BelowDom"), "BelowDom"],
    [Object.assign(new Claiming("m"), { name: "Claiming" }), "Claiming"],
    [Reflect.construct(Old as never, []) as Error, "Old"],
    [runInNewContext("new (class Foreign extends TypeError {})('m')") as Error, "Foreign"],
    [new StrangeError("m"), "StrangeError"],
  ];

  for (const [error, name] of errors) {
    const arrived = roundTrip(error) as RemoteError;

    assert.ok(arrived instanceof RemoteError && !(arrived instanceof TypeError), name);
    assert.deepEqual([arrived.remoteName, arrived.name, arrived.message], [name, name, "m"]);
  }
});

test("a DOMException of every name arrives with name, code, message and cause", () => {
  const names = Object.keys(DOMException)
    .filter((key) => key.endsWith("_ERR"))
    .map((key) => key.toLowerCase().replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase()))
    .map((key) => key.replace(/Err$/, "Error"));
  assert.ok(names.length >= 20);

  for (const name of [
    ...names,
    "OperationError",
    "EncodingError",
    "NotAllowedError",
    "Error",
    "my own",
    "",
  ]) {
    const error = new DOMException("m", { name, cause: [1] } as never);

    const arrived = roundTrip(error) as DOMException & { cause: unknown };

    assert.equal(Object.getPrototypeOf(arrived), DOMException.prototype);
    assert.deepEqual(
      [arrived.name, arrived.code, arrived.message, arrived.stack, arrived.cause],
      [error.name, error.code, "m", error.stack, [1]],
    );
  }
});

test("a QuotaExceededError, where there is one, arrives with its quota", (t) => {
  const { QuotaExceededError } = globalThis as unknown as Record<
    string,
    (new (message: string, options: object) => Error & Fields) | undefined
  >;
  if (QuotaExceededError === undefined) return t.skip("this version of Node has none");
  const error = new QuotaExceededError("m", { quota: 1, requested: 2 });

  const arrived = roundTrip(roundTrip(error)) as typeof error;

  assert.ok(arrived instanceof QuotaExceededError);
  assert.deepEqual([arrived.message, arrived.quota, arrived.requested, arrived.code], ["m", 1, 2, 22]);
});

test("a SuppressedError, where there is one, arrives with both errors", (t) => {
  const { SuppressedError } = globalThis as unknown as Record<
    string,
    (new (error: unknown, suppressed: unknown, message: string) => Error) | undefined
  >;
  if (SuppressedError === undefined) return t.skip("this version of Node has none");
  const error = new SuppressedError(new RangeError("a"), { b: 1 }, "m");

  assertSame(roundTrip(error), error);
});

test("errors of another realm arrive as errors of this one", () => {
  const realm = createContext({ path });
  const sources: [string, new (...parameters: never[]) => Error][] = [
    ["new TypeError('m')", TypeError],
    ["new AggregateError([new RangeError('a')], 'm')", AggregateError],
    ["Object.assign(new Error('m'), { code: 'X' })", Error],
    ["(() => { try { null.x } catch (error) { return error } })()", TypeError],
    ["(() => { try { path.join(undefined) } catch (error) { return error } })()", TypeError],
    ["Object.create(new SyntaxError('m'))", RemoteError],
  ];

  for (const [source, errorClass] of sources) {
    const arrived = roundTrip(runInContext(source, realm)) as Error;

    assert.equal(Object.getPrototypeOf(arrived), errorClass.prototype, source);
    assert.ok(arrived.message.length > 0);
  }
});

test("an error whose prototype was changed arrives as an error with its message", () => {
  const prototypes: [object | null, new (...parameters: never[]) => Error, string][] = [
    [TypeError.prototype, TypeError, "TypeError"],
    [null, RemoteError, "Error"],
    [Object.prototype, RemoteError, "Error"],
    [Stranger.prototype, RemoteError, "Stranger"],
    [Object.create(RangeError.prototype) as object, RemoteError, "RangeError"],
    [new RangeError("n"), RemoteError, "RangeError"],
    [Array.prototype, RemoteError, "Array"],
    [Map.prototype, RemoteError, "Map"],
  ];
  for (const [prototype, errorClass, name] of prototypes) {
    for (const fields of [{}, { code: "X" }]) {
      const error = Object.setPrototypeOf(Object.assign(new Error("m"), fields), prototype) as Error;

      const arrived = roundTrip(error) as RemoteError;

      assert.equal(Object.getPrototypeOf(arrived), errorClass.prototype);
      assert.deepEqual([arrived.message, { ...arrived, remoteName: 1 }], ["m", { ...fields, remoteName: 1 }]);
      assert.equal(arrived.remoteName ?? arrived.name, name);
    }
  }
});

test("what of an error cannot travel is replaced in the same way wherever the error stands", () => {
  const broken = (): Error =>
    Object.assign(new RangeError("m", { cause: Object.assign(new Error("c"), { retry: () => 1 }) }), {
      code: "E",
      request: { url: "u", agent: new Stranger(), [Symbol("s")]: 1 },
      [Symbol("own")]: 1,
      get broken() {
        return 1;
      },
    });
  const places: Record<string, [(error: Error) => unknown, (arrived: never) => unknown]> = {
    itself: [(error) => error, (error) => error],
    "a settled promise": [
      (reason) => [{ status: "rejected", reason }],
      ([{ reason }]: [{ reason: unknown }]) => reason,
    ],
    "the value of a Map": [(error) => new Map([["k", error]]), (map: Map<string, unknown>) => map.get("k")],
    "the key of a Map": [(error) => new Map([[error, 1]]), (map: Map<unknown, 1>) => [...map.keys()][0]],
    "a Set": [(error) => new Set([error]), (set: Set<unknown>) => [...set][0]],
    "a cause": [(error) => new Error("x", { cause: { error } }), (e: Error) => (e.cause as Fields).error],
    "an AggregateError": [(error) => new AggregateError([error], "x"), (e: AggregateError) => e.errors[0]],
    "a field of an array": [(error) => Object.assign([1], { error }), (a: unknown[] & Fields) => a.error],
  };

  for (const [place, [put, take]] of Object.entries(places)) {
    for (const deliver of [roundTrip, thrown]) {
      const arrived = take(deliver(put(broken())) as never) as Error & Fields;

      assert.ok(arrived instanceof RangeError, place);
      assert.deepEqual([arrived.message, arrived.code, arrived.broken], ["m", "E", 1]);
      assert.match(String(arrived.request), /^\[not sent: .*request\[Symbol\(s\)\]/);
      assert.match(String(arrived["Symbol(own)"]), /^\[not sent: its key is a symbol/);
      assert.ok(arrived.cause instanceof Error);
      assert.match(String((arrived.cause as Error & Fields).retry), /^\[not sent: .*'retry'/);
    }
  }
});

test("only errors degrade: beside and after one, what cannot travel is refused", () => {
  const error = Object.assign(new Error("m"), { retry: () => 1 });

  for (const [value, at] of [
    [{ error, callback: () => 1 }, ".callback"],
    [[error, () => 1], "[1]"],
    [[error, new Stranger()], "[1]"],
  ] as const) {
    assert.throws(() => send(value), { code: "ERR_MERINO_NOT_SERIALIZABLE", path: `value${at}` });
  }
});

test("identities hold around the parts of an error that were replaced", () => {
  const shared = { a: 1 };
  const error = Object.assign(new Error("m"), {
    first: shared,
    dropped: [shared, { shared, deep: [() => 1] }, new (class Odd extends Map {})()],
    self: undefined as unknown,
    last: shared,
  });
  error.self = error;

  const [one, two, three] = roundTrip([error, shared, error]) as [typeof error, object, typeof error];

  assert.equal(one, three);
  assert.equal(one.self, one);
  assert.ok(one.first === two && one.last === two && one.dropped[0] === two);
  assert.equal((one.dropped[1] as { shared: unknown }).shared, two);
});

test("an error that cannot be read arrives as an error that says so, where it stood", () => {
  const hostile = new Proxy(new Error("m"), { ownKeys: () => assert.fail("trap") });

  const [before, arrived, after] = roundTrip([1, hostile, { b: 2 }]) as [unknown, RemoteError, unknown];

  assert.ok(arrived instanceof RemoteError);
  assert.match(arrived.message, /^This error could not be sent\. .*value\[1\]: trap/);
  assert.deepEqual([before, after], [1, { b: 2 }]);
});

test("an error whose [encode] fails, or gives what cannot travel, arrives with everything but its class", () => {
  class Failing extends LimitError {
    readonly detail = 5;
    static [encode](): unknown {
      throw new Error("no");
    }
    static [decode](): never {
      return assert.fail("never called");
    }
  }
  class Odd extends LimitError {
    static [encode](): unknown {
      return { limit: 1, callback: () => 1 };
    }
    static [decode](): never {
      return assert.fail("never called");
    }
  }
  portable(Failing);
  portable(Odd);

  for (const deliver of [thrown, (error: unknown) => (roundTrip([error]) as unknown[])[0]]) {
    const failing = deliver(new Failing(3)) as RemoteError & Fields;
    const odd = deliver(new Odd(3)) as RemoteError & Fields;

    assert.ok(failing instanceof RemoteError && odd instanceof RemoteError);
    assert.deepEqual([failing.remoteName, failing.message, failing.detail], ["Failing", "more than 3", 5]);
    assert.match(String(failing.value), /^\[not sent: .*: no\]$/);
    assert.match(String(odd.value), /^\[not sent: .*callback/);
  }
});

test("an error of a class whose identity means another class elsewhere arrives with everything but its class", () => {
  class Twice extends Error {
    readonly detail = 5;
  }
  portable(Twice);
  const conflicting = {
    ...references,
    portableByPrototype: (prototype: object) => {
      const known = references.portableByPrototype(prototype);
      return known && { ...known, conflict: "two classes bear it" };
    },
  };

  const { bytes, start, end } = encodeValue([new Twice("m")], { root: "args", references: conflicting });
  const [arrived] = receive({ bytes: Buffer.from(bytes.subarray(start, end)), parts: [] }) as (RemoteError &
    Fields)[];

  assert.ok(arrived instanceof RemoteError);
  assert.deepEqual([arrived.remoteName, arrived.message, arrived.detail], ["Twice", "m", 5]);
});

test("what an [encode] inside an error gives is exact, or its object is replaced as a whole", () => {
  class Odd {
    static [encode](): unknown {
      return { callback: () => 1 };
    }
    static [decode](): never {
      return assert.fail("never called");
    }
  }
  class Throwing {
    static [encode](): unknown {
      throw new Error("no");
    }
    static [decode](): never {
      return assert.fail("never called");
    }
  }
  portable(Odd, { id: "errors#Odd" });
  portable(Throwing);
  const error = Object.assign(new Error("m"), {
    odd: [new Odd()],
    throwing: new Throwing(),
    after: { a: 1 },
  });

  const arrived = roundTrip(error) as Error & { odd: unknown[]; throwing: unknown; after: unknown };

  assert.match(String(arrived.odd[0]), /^\[not sent: .*odd\[0\]\[Symbol\(merino\.encode\)\]\.callback/);
  assert.match(String(arrived.throwing), /^\[not sent: .*: no\]$/);
  assert.deepEqual(arrived.after, { a: 1 });
  assert.throws(() => send([new Throwing()]), { path: "value[0][Symbol(merino.encode)]" });
});

test("an error below the greatest depth is refused, as anything there is", () => {
  let value: unknown = new Error("m");
  for (let level = 0; level < 1_000; level++) value = [value];

  assert.throws(() => send(value), { code: "ERR_MERINO_NOT_SERIALIZABLE" });
});

test("a chain of causes longer than the greatest depth arrives as far as it can", () => {
  let error = new Error("0");
  for (let level = 1; level < 1_500; level++) error = new Error(String(level), { cause: error });

  const arrived = roundTrip(error) as Error;

  let depth = 0;
  let last: unknown = arrived;
  while (last instanceof Error && last.cause !== undefined) {
    depth++;
    last = last.cause;
  }
  assert.equal(arrived.message, "1499");
  // How far that is depends on the stack that is left, too.
  assert.ok(depth > 500 && depth <= 1_000);
  assert.match(String(last), /could not be sent|^\[not sent: .*more than 1000 levels deep/);
});
