import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { describe, test } from "node:test";
import {
  causeOfStartFailure,
  explainStartFailure,
  placeOf,
} from "../../../../src/host/parent/start-failure.ts";
import { ImportFailedError } from "../../../../src/worker/import-failed-error.ts";

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

  test("gives the message of a failed import alone: its cause travels beside it", () => {
    const cause = new RangeError("no database");
    const error = new ImportFailedError("Cannot import 'file:///p/jobs.js': no database", { cause });

    assert.equal(explainStartFailure(error), error.message);
    assert.deepEqual(causeOfStartFailure(error), {
      name: "RangeError",
      message: "no database",
      stack: cause.stack,
    });
    assert.equal(causeOfStartFailure(new ImportFailedError("too long")), undefined);
    assert.equal(causeOfStartFailure(new ImportFailedError("odd", { cause: "text" })), undefined);
    assert.equal(causeOfStartFailure(cause), undefined);
  });

  test("keeps stack and cause of any other error, and texts as they are", () => {
    const text = explainStartFailure(new TypeError("no socket", { cause: new Error("inner") }));

    assert.match(text, /TypeError: no socket[\s\S]*at [\s\S]*inner/);
    assert.equal(explainStartFailure("plain"), "plain");
    assert.equal(explainStartFailure(undefined), "undefined");
  });
});

test("placeOf leaves the message out of a stack, and keeps the place above and below it", () => {
  const thrown = "Error: no\n    at f (file:///p/jobs.js:2:7)\n    at file:///p/jobs.js:4:1";
  const syntax = "/p/jobs.js:2\nconst = 2;\n      ^\n\nSyntaxError: no\n    at compile (node:internal:1:1)";

  assert.equal(
    placeOf({ name: "Error", message: "no", stack: thrown }),
    "    at f (file:///p/jobs.js:2:7)\n    at file:///p/jobs.js:4:1",
  );
  assert.equal(
    placeOf({ name: "SyntaxError", message: "no", stack: syntax }),
    "/p/jobs.js:2\nconst = 2;\n      ^\n    at compile (node:internal:1:1)",
  );
  assert.equal(placeOf({ name: "Error", message: "no" }), "");
  assert.equal(placeOf({ name: "Error", message: "no", stack: "Error: no" }), "");
});
