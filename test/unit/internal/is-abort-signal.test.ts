/** What counts as an AbortSignal: what can be used as one, wherever it comes from. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { isAbortSignal } from "../../../src/internal/is-abort-signal.ts";

/** A signal as a test runner's environment or a polyfill makes it: another class on another global object. */
function foreignSignal(): unknown {
  return runInContext(
    `class AbortSignal {
       aborted = false;
       reason = undefined;
       addEventListener() {}
       removeEventListener() {}
     }
     new AbortSignal()`,
    createContext({}),
  );
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();

const CASES: readonly (readonly [what: string, value: unknown, expected: boolean])[] = [
  ["a signal", new AbortController().signal, true],
  ["a signal that has fired", AbortSignal.abort(), true],
  ["a combined signal", AbortSignal.any([new AbortController().signal]), true],
  ["a signal of another realm", foreignSignal(), true],
  ["a controller", new AbortController(), false],
  ["an event target", new EventTarget(), false],
  ["what only bears the name", { [Symbol.toStringTag]: "AbortSignal" }, false],
  ["what only says that it has not fired", { aborted: false }, false],
  ["the prototype of signals", AbortSignal.prototype, false],
  ["a revoked proxy", revoked.proxy, false],
  ["nothing", undefined, false],
  ["null", null, false],
  ["a string", "signal", false],
];

for (const [what, value, expected] of CASES) {
  test(`isAbortSignal ${expected ? "accepts" : "refuses"} ${what}`, () => {
    assert.equal(isAbortSignal(value), expected);
  });
}
