/** That an error whose stack is made late looks and behaves as any other, whoever looks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { deserialize, serialize } from "node:v8";
import { changeStack, deferStack } from "../../../src/internal/lazy-stack.ts";

const TEXT = "TypeError: no good\n    at body (file:///jobs.js:1:1)\n    at [worker 1 (w)]";

/** An error with a stack that is made late, and how often it was. */
function deferred(text: unknown = TEXT): { error: TypeError; count: () => number } {
  const error = new TypeError("no good");
  let times = 0;
  deferStack(error, () => {
    times += 1;
    return text;
  });
  return { error, count: () => times };
}

/** The same error with a stack that is there. */
function present(): TypeError {
  const error = new TypeError("no good");
  Object.defineProperty(error, "stack", {
    value: TEXT,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return error;
}

const lookers: Readonly<Record<string, (error: TypeError) => unknown>> = {
  "a read": (error) => error.stack,
  "inspect()": (error) => inspect(error),
  "inspect() with hidden properties": (error) => inspect(error, { showHidden: true }),
  "inspect() of an object around it": (error) => inspect({ error, list: [error] }),
  "inspect() of its cause": (error) => inspect(Object.assign(present(), { cause: error })),
  "inspect() of an AggregateError": (error) =>
    inspect(Object.assign(new AggregateError([error], "several"), { stack: "AggregateError" })),
  "structuredClone()": (error) => structuredClone(error).stack,
  "structuredClone() of an object around it": (error) => structuredClone({ list: [error] }).list[0]?.stack,
  "v8.serialize()": (error) => (deserialize(serialize(error)) as Error).stack,
  "an object that inherits from it": (error) => (Object.create(error) as Error).stack,
  "a proxy": (error) => new Proxy(error, {}).stack,
  "Reflect.get()": (error) => Reflect.get(error, "stack", {}),
  "its visible keys": (error) => [Object.keys(error), { ...error }, JSON.stringify(error)],
  "its keys": (error) => Reflect.ownKeys(error),
  "its descriptor, once read": (error) => [error.stack, Object.getOwnPropertyDescriptor(error, "stack")],
  "a write": (error) => {
    error.stack = "mine";
    return [error.stack, Object.getOwnPropertyDescriptor(error, "stack")];
  },
  "a write of no text": (error) => {
    error.stack = undefined as never;
    return ["stack" in error, Object.getOwnPropertyDescriptor(error, "stack")];
  },
  "a write to an object that inherits from it": (error) => {
    const heir = Object.create(error) as Error;
    heir.stack = "mine";
    return [error.stack, Object.getOwnPropertyDescriptor(heir, "stack")];
  },
  "a write to a proxy": (error) => {
    new Proxy(error, {}).stack = "mine";
    return Object.getOwnPropertyDescriptor(error, "stack");
  },
  "a definition": (error) => {
    Object.defineProperty(error, "stack", { value: "mine", writable: true });
    return Object.getOwnPropertyDescriptor(error, "stack");
  },
  "a deletion": (error) => [Reflect.deleteProperty(error, "stack"), Object.hasOwn(error, "stack")],
  "Error.captureStackTrace()": (error) => {
    Error.captureStackTrace(error, lookers["Error.captureStackTrace()"]);
    return [error.stack?.split("\n")[0], error.stack?.includes("jobs.js")];
  },
  "deepStrictEqual()": (error) => {
    assert.deepStrictEqual(error, present());
    return error.stack;
  },
  "a frozen error": (error) => {
    Object.freeze(error);
    assert.throws(() => {
      error.stack = "mine";
    }, TypeError);
    return [error.stack, error.stack, Object.isFrozen(error)];
  },
  "a sealed error": (error) => [Object.seal(error).stack, error.stack],
  "a write to a sealed error": (error) => {
    Object.seal(error).stack = "mine";
    return error.stack;
  },
  "an error that cannot be extended": (error) => [
    Object.preventExtensions(error).stack,
    Object.getOwnPropertyDescriptor(error, "stack"),
  ],
};

for (const [who, look] of Object.entries(lookers)) {
  test(`a stack that is made late is as one that is there: ${who}`, () => {
    const { error, count } = deferred();

    const found = look(error);

    assert.deepEqual(found, look(present()));
    assert.ok(count() <= 1);
  });
}

test("deferStack makes the stack once, and only if somebody looks", () => {
  const { error, count } = deferred();
  const frozen = deferred();
  Object.freeze(frozen.error);

  assert.deepEqual(
    [error.message, String(error), error instanceof TypeError],
    ["no good", "TypeError: no good", true],
  );
  assert.equal(count(), 0);
  for (const read of [1, 2]) assert.deepEqual([error.stack, frozen.error.stack], [TEXT, TEXT], String(read));
  assert.deepEqual([count(), frozen.count()], [1, 1]);
});

test("changeStack changes a stack late that is made late, and another at once", () => {
  const { error, count } = deferred();
  const other = present();
  let changes = 0;
  for (const changed of [error, other]) {
    for (const letter of ["a", "b"]) {
      changeStack(changed, (stack) => {
        changes += 1;
        return `${stack}\n    at ${letter}`;
      });
    }
  }

  assert.deepEqual([count(), changes], [0, 2]);
  assert.equal(other.stack, `${TEXT}\n    at a\n    at b`);
  assert.deepEqual(Object.keys(error), []);
  assert.equal(error.stack, other.stack);
  assert.deepEqual([count(), changes], [1, 4]);
  assert.deepEqual(Object.getOwnPropertyDescriptor(error, "stack")?.value, error.stack);
});

test("changeStack leaves a stack as it is that is no text, cannot be read, or must not be changed", () => {
  const change = () => "changed";
  const numbered = deferred(7).error;
  const none = Object.defineProperty(new Error("x"), "stack", { value: undefined, writable: true });
  const unreadable = Object.defineProperty(new Error("x"), "stack", {
    get: () => {
      throw new RangeError("no stack");
    },
  });
  const frozen = Object.freeze(deferred().error);

  changeStack(numbered, change);
  changeStack(none, change);
  changeStack(unreadable, change);

  assert.throws(() => changeStack(frozen, change), TypeError);
  assert.deepEqual([numbered.stack, none.stack, frozen.stack], [7, undefined, TEXT]);
  assert.throws(() => unreadable.stack, RangeError);
});
