/** Options that do not exist are refused by name, wherever options are taken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertKnownOptions } from "../../../src/errors/assert-known-options.ts";
import { ProcessWorker, WorkerPool, WorkerProxy } from "../../../src/index.ts";
import { resolveCallOptions } from "../../../src/routine/call-options.ts";

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

for (const [where, take] of [
  ["WorkerPool", (options: object) => new WorkerPool(options)],
  ["WorkerProxy", (options: object) => new WorkerProxy({ namespace: "n", ...options })],
  ["ProcessWorker.factory", (options: object) => ProcessWorker.factory(options)],
  ["a call", (options: object) => resolveCallOptions(options)],
] as const) {
  test(`${where} refuses an option that does not exist`, () => {
    assert.throws(() => take({ maxThreads: 4 }), { code: "ERR_MERINO_INVALID_OPTION", option: "maxThreads" });
  });
}

test("ProcessWorker.factory refuses what is no object", () => {
  assert.throws(() => ProcessWorker.factory(null as never), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "options",
  });
});
