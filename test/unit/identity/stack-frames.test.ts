/** The ways to read the stack, in particular the one this version of Node may not have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import util from "node:util";
import { captureFrames, type StackFrame } from "../../../src/identity/stack-frames.ts";

/** Replaces Node's own list of call sites until disposed. */
function useCallSites(names: readonly string[]): Disposable & { readonly calls: unknown[][] } {
  const before = Object.getOwnPropertyDescriptor(util, "getCallSites");
  const calls: unknown[][] = [];
  const value = (...parameters: unknown[]) => {
    calls.push(parameters);
    return names.map((functionName) => ({
      functionName,
      scriptName: `file:///${functionName || "module"}.js`,
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

function routine(): readonly StackFrame[] {
  return captureFrames(routine, 1);
}

test("captureFrames starts below the function named, in Node's call sites", () => {
  using _sites = useCallSites(["nodeFrames", "captureFrames", "via", "routine", "job", ""]);

  assert.deepEqual(routine(), [
    { functionName: "job", script: "file:///job.js" },
    { functionName: undefined, script: "file:///module.js" },
  ]);
});

test("captureFrames counts where a build tool has renamed the function", () => {
  using _sites = useCallSites(["a", "b", "c", "routine2", "job", ""]);

  assert.equal(routine()[0]?.functionName, "job");
});

test("captureFrames does not take a user's function of the same name for its own", () => {
  using _sites = useCallSites(["a", "b", "via", "routine", "routine", ""]);

  assert.deepEqual(
    routine().map(({ functionName }) => functionName),
    ["routine", undefined],
  );
});

test("captureFrames asks Node for scripts, not for the sources of source maps", () => {
  using sites = useCallSites(["a", "b", "via", "routine", ""]);

  routine();

  assert.deepEqual(sites.calls[0]?.[1], { sourceMap: false });
});

test("captureFrames gives initialisers of classes no name", () => {
  class Jobs {
    static readonly frames: readonly StackFrame[] = routine();
    readonly frames: readonly StackFrame[] = routine();
  }

  assert.equal(Jobs.frames[0]?.functionName, undefined);
  assert.equal(new Jobs().frames[0]?.functionName, undefined);
});
