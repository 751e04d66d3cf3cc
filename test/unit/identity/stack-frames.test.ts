/** What frames tell, as V8 gives them. Where it does not, see `node-frames.test.ts`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import vm from "node:vm";
import { captureFrames, type StackFrame } from "../../../src/identity/stack-frames.ts";

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
