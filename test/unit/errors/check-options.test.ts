/** Checks of options: what they take, what they say of the rest, and that options that do not exist are refused by name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import {
  assertBoolean,
  assertDuration,
  assertFunction,
  assertInteger,
  assertKnownOptions,
  assertMethods,
  assertSignal,
} from "../../../src/errors/check-options.ts";
import { ProcessWorker, portable, routine, WorkerPool, WorkerProxy } from "../../../src/index.ts";
import { assertCallOptions } from "../../../src/routine/call-options.ts";

test("assertKnownOptions names the unknown option, its value and the known ones", () => {
  assert.throws(() => assertKnownOptions({ size: 1, maxThreads: 4 }, { size: true } as never), {
    name: "InvalidOptionError",
    option: "maxThreads",
    value: 4,
    expected: "one of the options size",
  });
});

test("assertKnownOptions takes known options, and unknown ones without a value", () => {
  assert.doesNotThrow(() => assertKnownOptions({ size: 1, other: undefined }, { size: true } as never));
});

test("assertKnownOptions refuses unknown options that are inherited, and symbols", () => {
  const take = (options: object): void => assertKnownOptions(options, { size: true } as never);
  const typo = Symbol("size");
  const hidden = Object.defineProperty({}, "timeOut", { value: 1 });

  assert.throws(() => take(Object.create({ timeOut: 10 })), { option: "timeOut", value: 10 });
  assert.throws(() => take(Object.create(Object.assign(Object.create(null), { timeOut: 10 }))), {
    option: "timeOut",
  });
  assert.throws(() => take({ size: 1, [typo]: 2 }), { option: "Symbol(size)", value: 2 });
  assert.throws(() => take({ size: 1, [Symbol()]: 2 }), { option: "Symbol()" });
  assert.doesNotThrow(() => take(Object.create({ size: 1, other: undefined })));
  assert.doesNotThrow(() => take(Object.assign(Object.create(null), { size: 1 })));
  assert.doesNotThrow(() => take(hidden));
  assert.doesNotThrow(() => take(runInNewContext("({ size: 1 })")));
});

test("assertKnownOptions takes nothing for an option that was added to all objects", () => {
  Object.assign(Object.prototype, { polluted: 1 });
  try {
    assert.doesNotThrow(() => assertKnownOptions({ size: 1 }, { size: true } as never));
  } finally {
    Reflect.deleteProperty(Object.prototype, "polluted");
  }
});

for (const [where, take] of [
  ["WorkerPool", (options: object) => new WorkerPool(options)],
  ["WorkerProxy", (options: object) => new WorkerProxy(Object.assign(options, { namespace: "n" }))],
  ["ProcessWorker.factory", (options: object) => ProcessWorker.factory(options)],
  ["a call", (options: object) => assertCallOptions(options)],
  ["routine", (options: object) => routine(async function stray() {}, options)],
  ["portable", (options: object) => portable(class Stray {}, options)],
] as const) {
  test(`${where} refuses an option that does not exist`, () => {
    const refusal = { code: "ERR_MERINO_INVALID_OPTION", option: "maxThreads" };
    assert.throws(() => take({ maxThreads: 4 }), refusal);
    assert.throws(() => take(Object.create({ maxThreads: 4 })), refusal);
    assert.throws(() => take({ [Symbol("maxThreads")]: 4 }), { ...refusal, option: "Symbol(maxThreads)" });
  });
}

test("ProcessWorker.factory refuses what is no object", () => {
  assert.throws(() => ProcessWorker.factory(null as never), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "options",
  });
});

interface CheckCase {
  readonly name: string;
  readonly check: (value: unknown) => void;
  readonly accepted: readonly unknown[];
  readonly refused: readonly unknown[];
  readonly expected: string;
}

const CASES: readonly CheckCase[] = [
  {
    name: "assertBoolean",
    check: (value) => assertBoolean("it", value),
    accepted: [true, false],
    refused: [0, "true", null],
    expected: "a boolean",
  },
  {
    name: "assertInteger without an upper limit",
    check: (value) => assertInteger("it", value, { least: 1 }),
    accepted: [1, Number.MAX_SAFE_INTEGER],
    refused: [0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1", null],
    expected: "an integer from 1",
  },
  {
    name: "assertInteger with an upper limit",
    check: (value) => assertInteger("it", value, { least: 0, most: 9 }),
    accepted: [0, 9],
    refused: [-1, 10],
    expected: "an integer from 0 to 9",
  },
  {
    name: "assertDuration",
    check: (value) => assertDuration("it", value),
    accepted: [0, 0.5, 2_147_483_647, Number.POSITIVE_INFINITY],
    refused: [-1, 2_147_483_648, Number.MAX_VALUE, Number.NEGATIVE_INFINITY, Number.NaN, "5", null],
    expected: "milliseconds from 0 to 2147483647, or Infinity for no limit",
  },
  {
    name: "assertDuration with limits",
    check: (value) => assertDuration("it", value, { least: 10, most: 60 }),
    accepted: [10, 60],
    refused: [9.9, 60.1, Number.POSITIVE_INFINITY],
    expected: "milliseconds from 10 to 60",
  },
  {
    name: "assertDuration for what must take some time",
    check: (value) => assertDuration("it", value, { above: 0, absent: "no limit" }),
    accepted: [0.001, Number.POSITIVE_INFINITY],
    refused: [0, Number.NaN],
    expected: "milliseconds above 0 and at most 2147483647, or Infinity or nothing for no limit",
  },
  {
    name: "assertFunction",
    check: (value) => assertFunction("it", value, "a function that chooses"),
    accepted: [() => {}, class {}],
    refused: [{}, null],
    expected: "a function that chooses",
  },
  {
    name: "assertMethods",
    check: (value) => assertMethods("it", value, ["subscribe"]),
    accepted: [{ subscribe() {} }],
    refused: [{}, { subscribe: 1 }, null, 5],
    expected: "an object with a method 'subscribe'",
  },
  {
    name: "assertSignal",
    check: (value) => assertSignal("it", value),
    accepted: [AbortSignal.abort()],
    refused: [new AbortController(), null],
    expected: "an AbortSignal",
  },
];

for (const { name, check, accepted, refused, expected } of CASES) {
  test(`${name} accepts what it is for, and an option that was not given`, () => {
    for (const value of [...accepted, undefined]) assert.doesNotThrow(() => check(value), String(value));
  });

  test(`${name} refuses anything else, and says what it expected`, () => {
    for (const value of refused) {
      assert.throws(
        () => check(value),
        { code: "ERR_MERINO_INVALID_OPTION", option: "it", value, expected },
        String(value),
      );
    }
  });
}
