import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { describe, test } from "node:test";
import { explainStartFailure } from "../../../src/host/start-failure.ts";

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

describe("explainStartFailure", () => {
  test("says what to do about a full disk, without the fields of the error", () => {
    const error = Object.assign(new Error("listen ENOSPC: no space left on device /run/x"), {
      code: "ENOSPC",
      syscall: "listen",
      errno: -28,
    });

    const text = explainStartFailure(error);

    assert.match(text, /^listen ENOSPC: .*\(no space, or no inode, .*XDG_RUNTIME_DIR/);
    assert.doesNotMatch(text, /errno|\n/);
  });

  test("gives a system error without advice as it is", () => {
    const text = explainStartFailure(thrownBy(() => mkdirSync("/proc/self/none/x")));

    assert.match(text, /^ENOENT: no such file or directory, mkdir '\/proc\/self\/none\/x'$/);
  });

  test("keeps stack and cause of any other error, and texts as they are", () => {
    const text = explainStartFailure(new TypeError("no socket", { cause: new Error("inner") }));

    assert.match(text, /TypeError: no socket[\s\S]*at [\s\S]*inner/);
    assert.equal(explainStartFailure("plain"), "plain");
    assert.equal(explainStartFailure(undefined), "undefined");
  });
});
