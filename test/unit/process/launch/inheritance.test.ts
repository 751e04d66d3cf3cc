/** What a worker inherits of its parent's options and environment, option by option. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isEvaluated, launchArguments } from "../../../../src/process/launch/inheritance.ts";

/** Each pair: what the parent has, what is left of it. */
const INHERITED: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["--eval=main()"], []],
  [["--eval", "main()"], []],
  [["-e", "main()", "--expose-gc"], ["--expose-gc"]],
  [["-p", "main()"], []],
  [["-pe", "main()"], []],
  [["--print"], []],
  [["--print", "--expose-gc"], ["--expose-gc"]],
  [["--input-type=module", "-"], []],
  [["--input_type", "module"], []],
  [["--check"], []],
  [["-c", "-i", "--interactive"], []],
  [["--watch", "--watch-path=src", "--watch-path", "lib", "--watch-preserve-output"], []],
  [["--env-file=.env", "--env-file", ".env", "--env-file-if-exists=.env"], []],
  [["--inspect-port=1", "--debug-port", "2"], []],
  [["--entry-url", "--title=a"], ["--title=a"]],
  [["--", "--title=a"], ["--title=a"]],
  [
    ["--import", "tsx"],
    ["--import", "tsx"],
  ],
  [
    ["--import=./hooks.mjs", "--loader", "x"],
    ["--import=./hooks.mjs", "--loader", "x"],
  ],
  [
    ["--require", "/a/preflight.cjs", "--import", "file:///a/loader.mjs"],
    ["--require", "/a/preflight.cjs", "--import", "file:///a/loader.mjs"],
  ],
  [
    ["--conditions", "development", "-C", "x"],
    ["--conditions", "development", "-C", "x"],
  ],
  [
    ["--cpu-prof", "--max-old-space-size=64", "--permission", "--allow-fs-read=*"],
    ["--cpu-prof", "--max-old-space-size=64", "--permission", "--allow-fs-read=*"],
  ],
  [
    ["--evaluate", "--testing"],
    ["--evaluate", "--testing"],
  ],
];

for (const [execArgv, expected] of INHERITED) {
  test(`launchArguments leaves '${expected.join(" ")}' of '${execArgv.join(" ")}'`, () => {
    assert.deepEqual(launchArguments({ execArgv, env: {} }).execArgv, expected);
  });
}

const INSPECTORS: Readonly<Record<string, string>> = {
  "--inspect": "--inspect=127.0.0.1:0",
  "--inspect=9230": "--inspect=127.0.0.1:0",
  "--inspect=0.0.0.0:9229": "--inspect=0.0.0.0:0",
  "--inspect=[::1]:9229": "--inspect=[::1]:0",
  "--inspect-brk=localhost": "--inspect=localhost:0",
  "--inspect-wait=127.0.0.1:1": "--inspect=127.0.0.1:0",
};

for (const [option, expected] of Object.entries(INSPECTORS)) {
  test(`launchArguments makes '${expected}' of '${option}', wherever it was given`, () => {
    const direct = launchArguments({ execArgv: [option], env: {} });
    const byEnvironment = launchArguments({ execArgv: [], env: { NODE_OPTIONS: `--expose-gc ${option}` } });

    assert.deepEqual(direct.execArgv, [expected]);
    assert.deepEqual(byEnvironment.execArgv, [expected]);
    assert.equal(byEnvironment.env.NODE_OPTIONS, "--expose-gc");
  });
}

const TEST_RUNS = {
  "the runner's variable": { execArgv: [], env: { NODE_TEST_CONTEXT: "child-v8" } },
  "an option": {
    execArgv: ["--test", "--test-concurrency", "2", "--test-name-pattern=x", "--test-only"],
    env: {},
  },
  "an option in NODE_OPTIONS": { execArgv: [], env: { NODE_OPTIONS: "--test-isolation=none" } },
  "the name of the program": { execArgv: [], env: {}, argv: ["node", "/srv/jobs.test.ts"] },
};

for (const [sign, parent] of Object.entries(TEST_RUNS)) {
  test(`launchArguments silences the tests of a worker if ${sign} shows a test run`, () => {
    const launched = launchArguments({ ...parent, platform: "linux" });

    assert.deepEqual(launched.execArgv, [
      "--test-name-pattern=^(?!)$",
      "--test-reporter=spec",
      "--test-reporter-destination=/dev/null",
    ]);
    assert.deepEqual(launched.env, {});
  });
}

test("launchArguments names the null device of the platform", () => {
  const { execArgv } = launchArguments({ execArgv: ["--test"], env: {}, platform: "win32" });

  assert.ok(execArgv.includes("--test-reporter-destination=\\\\.\\nul"));
});

test("launchArguments leaves out variables that are about the parent alone", () => {
  const env = { NODE_TEST_CONTEXT: "x", WATCH_REPORT_DEPENDENCIES: "1", NODE_UNIQUE_ID: "1", HOME: "/h" };

  assert.deepEqual(launchArguments({ execArgv: [], env }).env, { HOME: "/h" });
  assert.equal(env.NODE_UNIQUE_ID, "1");
});

test("launchArguments knows variables of Windows in any case", () => {
  const { env } = launchArguments({
    execArgv: [],
    env: { Node_Test_Context: "x", node_options: "--watch", Path: "C:\\" },
    platform: "win32",
  });

  assert.deepEqual(env, { Path: "C:\\" });
});

const NODE_OPTIONS: readonly (readonly [string, string | undefined])[] = [
  ["--watch", undefined],
  ["--env-file=.env --expose-gc", "--expose-gc"],
  ['--env-file="with space" --require "./with space.js"', '--require "./with space.js"'],
  ['  --require   "./with space.js"  ', '  --require   "./with space.js"  '],
  ['"not closed', '"not closed'],
];

for (const [before, after] of NODE_OPTIONS) {
  test(`launchArguments filters NODE_OPTIONS=${before}`, () => {
    assert.equal(launchArguments({ execArgv: [], env: { NODE_OPTIONS: before } }).env.NODE_OPTIONS, after);
  });
}

test("launchArguments of what it gave changes nothing more", () => {
  const option = fc.constantFrom(
    "--eval=x",
    "-e",
    "x",
    "--test",
    "--inspect-brk",
    "--inspect=1",
    "--import",
    "tsx",
    "--env-file",
    "--watch",
    "--title=a b",
  );
  fc.assert(
    fc.property(fc.array(option), fc.array(option), (execArgv, options) => {
      const env = { NODE_OPTIONS: options.filter((text) => !text.includes(" ")).join(" ") };
      const once = launchArguments({ execArgv, env });
      const twice = launchArguments(once);

      assert.deepEqual(twice.env, once.env);
      assert.deepEqual([...twice.execArgv].sort(), [...once.execArgv].sort());
    }),
  );
});

test("isEvaluated knows every spelling of a program given as text", () => {
  for (const option of ["-e", "--eval", "--eval=x", "-p", "-pe", "--print"]) {
    assert.equal(isEvaluated(["--expose-gc", option]), true, option);
  }
  assert.equal(isEvaluated(["--import", "tsx", "--evaluate"]), false);
});
