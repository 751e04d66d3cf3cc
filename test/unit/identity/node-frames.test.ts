// own process: it fixes a property of Error for good
/** How the stack is read where `Error` cannot be changed, in a version of Node that offers call sites by other means. */
import assert from "node:assert/strict";
import { test } from "node:test";
import util from "node:util";
import { captureFrames, type StackFrame } from "../../../src/identity/stack-frames.ts";

Object.defineProperty(Error, "prepareStackTrace", { get: () => undefined, configurable: false });

/** Replaces Node's own list of call sites until disposed. */
function useCallSites(names: readonly string[]): Disposable & { readonly calls: unknown[][] } {
  const before = Object.getOwnPropertyDescriptor(util, "getCallSites");
  const calls: unknown[][] = [];
  const value = (...parameters: unknown[]) => {
    calls.push(parameters);
    return names.map((functionName) => ({
      functionName,
      scriptName: `file:///${functionName || "module"}.js`,
      lineNumber: 3,
      column: 5,
    }));
  };
  Object.defineProperty(util, "getCallSites", { value, configurable: true, writable: true });
  return {
    calls,
    [Symbol.dispose]() {
      if (before === undefined) Reflect.deleteProperty(util, "getCallSites");
      else Object.defineProperty(util, "getCallSites", before);
    },
  };
}

const OPTIONS = { limit: 40, via: 0 };

function routine(): readonly StackFrame[] {
  return captureFrames(routine, OPTIONS).frames;
}

function namesOf(frames: readonly StackFrame[]): readonly (string | undefined)[] {
  return frames.map(({ functionName }) => functionName);
}

test("captureFrames starts below the function named", () => {
  using _sites = useCallSites(["nodeFrames", "captureFrames", "routine", "job", ""]);

  const frames = routine();

  assert.deepEqual(namesOf(frames), ["job", undefined]);
  assert.deepEqual(
    frames.map(({ script, source, position, isBody }) => [script, source, position, isBody]),
    [
      ["file:///job.js", "file:///job.js", "3:5", undefined],
      ["file:///module.js", "file:///module.js", "3:5", undefined],
    ],
  );
});

test("captureFrames counts where a build tool has renamed the function", () => {
  using _sites = useCallSites(["a", "b", "routine2", "job", ""]);

  assert.equal(routine()[0]?.functionName, "job");
});

test("captureFrames does not take a user's function of the same name for its own", () => {
  using _sites = useCallSites(["a", "b", "routine", "routine", ""]);

  assert.deepEqual(namesOf(routine()), ["routine", undefined]);
});

test("captureFrames asks Node for scripts, not for the sources of source maps", () => {
  using sites = useCallSites(["a", "b", "routine", ""]);

  routine();

  assert.deepEqual(sites.calls[0]?.[1], { sourceMap: false });
});
