import assert from "node:assert/strict";
import { test } from "node:test";
import { threadArguments, withoutRefused } from "../../../src/thread/thread-arguments.ts";

const program = (execArgv: readonly string[]): Parameters<typeof threadArguments>[0] => ({
  execArgv,
  argv: ["node", "main.js"],
  env: { A: "1", NODE_TEST_CONTEXT: "child-v8" },
  cwd: "/elsewhere",
});

test("threadArguments hands on loaders, under names that hold in any directory, and neither debugger nor program", () => {
  const { execArgv, env } = threadArguments(
    {
      ...program([
        "--import",
        "tsx",
        "--import=./hooks.js",
        "--require",
        "../setup.cjs",
        "--inspect=9229",
        "--eval",
        "x",
        "--conditions",
        "a",
      ]),
      env: { A: "1" },
    },
    "/app",
  );

  assert.deepEqual(execArgv, [
    "--import",
    "tsx",
    "--import=/app/hooks.js",
    "--require",
    "/setup.cjs",
    "--conditions",
    "a",
  ]);
  assert.deepEqual(env, { A: "1" });
});

test("threadArguments hands on none of the variables of a test runner", () => {
  assert.equal("NODE_TEST_CONTEXT" in threadArguments(program([]), "/app").env, false);
});

test("withoutRefused leaves out exactly what Node has refused", () => {
  const error = Object.assign(
    new Error("Initiated Worker with invalid execArgv flags: --max-old-space-size=9, --expose-gc"),
    { code: "ERR_WORKER_INVALID_EXEC_ARGV" },
  );

  const kept = withoutRefused(
    ["--conditions", "a", "--expose-gc", "--max-old-space-size=9", "-r", "x"],
    error,
  );

  assert.deepEqual(kept, ["--conditions", "a", "-r", "x"]);
  assert.equal(withoutRefused(["--conditions", "a"], error), undefined);
  assert.equal(withoutRefused(["--expose-gc"], new Error("other")), undefined);
});
