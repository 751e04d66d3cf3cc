/** The ways to read the stack, in particular the one this version of Node may not have. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import util from "node:util";
import vm from "node:vm";
import { captureFrames, nodeFrames, type StackFrame } from "../../../src/identity/stack-frames.ts";

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

/** Frames as a version of Node gives them that has call sites, where `Error` is frozen. */
function routine(): readonly StackFrame[] {
  return via() ?? [];
}

function via(): readonly StackFrame[] | undefined {
  return nodeFrames(routine, OPTIONS)?.frames;
}

function namesOf(frames: readonly StackFrame[]): readonly (string | undefined)[] {
  return frames.map(({ functionName }) => functionName);
}

test("nodeFrames starts below the function named", () => {
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

test("nodeFrames counts where a build tool has renamed the function", () => {
  using _sites = useCallSites(["a", "b", "routine2", "job", ""]);

  assert.equal(routine()[0]?.functionName, "job");
});

test("nodeFrames does not take a user's function of the same name for its own", () => {
  using _sites = useCallSites(["a", "b", "routine", "routine", ""]);

  assert.deepEqual(namesOf(routine()), ["routine", undefined]);
});

test("nodeFrames asks Node for scripts, not for the sources of source maps", () => {
  using sites = useCallSites(["a", "b", "routine", ""]);

  routine();

  assert.deepEqual(sites.calls[0]?.[1], { sourceMap: false });
});

function captured(limit = 40): ReturnType<typeof captureFrames> {
  return captureFrames(captured, { limit, via: 0 });
}

test("captureFrames gives initialisers of classes no name", () => {
  class Jobs {
    static readonly frames: readonly StackFrame[] = captured().frames;
    readonly frames: readonly StackFrame[] = captured().frames;
  }

  assert.equal(Jobs.frames[0]?.functionName, undefined);
  assert.equal(new Jobs().frames[0]?.functionName, undefined);
});

test("captureFrames says whether the stack has more frames", () => {
  const inner = () => captured(1);

  assert.deepEqual([inner().frames.length, inner().isWhole], [1, false]);
  assert.equal(captured(200).isWhole, true);
});

test("captureFrames says where in the script a call is, and whether the frame is its body", () => {
  const inner = () => captured();
  const evaluated = new Function("inner", '"use strict";\nreturn inner();\n//# sourceURL=/made/up.js');

  const [first, second] = (evaluated(inner) as ReturnType<typeof captured>).frames;

  assert.match(first?.position ?? "", /^\d+:\d+$/);
  assert.deepEqual([first?.functionName, first?.isBody], ["inner", false]);
  assert.deepEqual(
    [second?.script, second?.source, second?.position, second?.isBody],
    [undefined, "/made/up.js", "4:8", true],
  );
});

test("captureFrames gives the hash of a script's text", () => {
  const text = "captured => captured()\n";
  const run = vm.runInThisContext(text, { filename: "/made/hashed.js" }) as typeof inner;
  function inner(capture: typeof captured): ReturnType<typeof captured> {
    return capture();
  }

  const [frame] = run(captured).frames;

  assert.equal(frame?.hash(), createHash("sha256").update(text).digest("hex"));
});
