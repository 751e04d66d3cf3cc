/**
 * Decides which options and environment variables of this process its workers inherit. Loaders, limits and
 * permissions pass; options that would make the child run something else, watch, test or compete for a port do not.
 * Pure functions: they take the parent's state and return the child's arguments and environment.
 */
import { devNull } from "node:os";
import { formatNodeOptions, parseNodeOptions } from "./parse-node-options.ts";

/** The process that starts a worker. */
export interface LaunchParent {
  /** `process.execArgv`. */
  readonly execArgv: readonly string[];
  /** `process.env`. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** `process.argv`; used to recognise a test file run with plain `node`. Absent: not considered. */
  readonly argv?: readonly string[];
  /** `process.platform`, which is the default. */
  readonly platform?: NodeJS.Platform;
}

/** Options and variables with which its worker is started. Both are new objects. */
export interface LaunchArguments {
  readonly execArgv: string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Whether an option takes its value from the next argument when it is not written with `=`. */
type Arity = "alone" | "with-value";

/**
 * Options that a worker does not inherit. The first group would make the child run another program (with `--eval`, the
 * parent's again, endlessly). The rest would make it fail on a missing file, watch, run tests, or open a debugger on the
 * parent's port.
 */
const NOT_INHERITED: Readonly<Record<string, Arity>> = {
  // Another program, or another way to read the worker's own.
  "--eval": "with-value",
  "-e": "with-value",
  "--print": "with-value",
  "-p": "with-value",
  "-pe": "with-value",
  "--check": "alone",
  "-c": "alone",
  "--interactive": "alone",
  "-i": "alone",
  "--input-type": "with-value",
  "--entry-url": "alone",
  "--run": "with-value",
  "--build-snapshot": "alone",
  "--build-snapshot-config": "with-value",
  "--experimental-sea-config": "with-value",
  "--build-sea": "with-value",
  // A file that may be missing.
  "--env-file": "with-value",
  "--env-file-if-exists": "with-value",
  // Watching.
  "--watch": "alone",
  "--watch-path": "with-value",
  "--watch-preserve-output": "alone",
  "--watch-kill-signal": "with-value",
  // The test runner.
  "--test": "alone",
  "--test-only": "alone",
  "--test-force-exit": "alone",
  "--test-update-snapshots": "alone",
  "--test-randomize": "alone",
  "--experimental-test-coverage": "alone",
  "--experimental-test-snapshots": "alone",
  "--experimental-test-isolation": "with-value",
  // The debugger; a worker gets a port of its own.
  "--inspect": "alone",
  "--inspect-brk": "alone",
  "--inspect-wait": "alone",
  "--inspect-brk-node": "alone",
  "--inspect-port": "with-value",
  "--debug-port": "with-value",
};

/** Set by Node for the child of its test runner or watcher, for a cluster worker, for a forked child. */
const VARIABLES_NOT_INHERITED: ReadonlySet<string> = new Set([
  "NODE_TEST_CONTEXT",
  "WATCH_REPORT_DEPENDENCIES",
  "NODE_UNIQUE_ID",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
]);

/**
 * Computes the options and variables of a worker process.
 *
 * If the parent can be debugged, so can the worker, on a port of its own. Under Node's test runner, options
 * are added that keep a test file, imported for a routine in it, from running its tests again.
 *
 * @example
 * launchArguments({ execArgv: ["--import", "tsx", "--eval", "main()"], env: {} }).execArgv; // => ["--import", "tsx"]
 */
export function launchArguments(parent: LaunchParent): LaunchArguments {
  const { execArgv, platform = process.platform } = parent;
  const text = variable(parent.env, "NODE_OPTIONS", platform);
  const options = text === undefined ? undefined : parseNodeOptions(text);
  const inspector = inspectorOption([...(options ?? []), ...execArgv]);
  return {
    execArgv: [
      ...inheritedOptions(execArgv),
      ...(inspector === undefined ? [] : [inspector]),
      ...(isTestRun(parent, options ?? []) ? testRunnerArguments(platform) : []),
    ],
    env: inheritedEnvironment(parent.env, options, platform),
  };
}

/** Options under which `node:test` in a worker matches no test and reports to nobody. */
function testRunnerArguments(platform: NodeJS.Platform): string[] {
  const nowhere = platform === process.platform ? devNull : platform === "win32" ? "\\\\.\\nul" : "/dev/null";
  return ["--test-name-pattern=^(?!)$", "--test-reporter=spec", `--test-reporter-destination=${nowhere}`];
}

/** Tells whether Node was given its program as text: `--eval`, `--print`. */
export function isEvaluated(execArgv: readonly string[]): boolean {
  return execArgv.some((arg) => ["--eval", "-e", "--print", "-p", "-pe"].includes(optionName(arg)));
}

function inheritedOptions(args: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    const arity = arityIfDropped(arg);
    if (arity === undefined) kept.push(arg);
    else if (arity === "with-value" && !arg.includes("=") && isValue(args[index + 1])) index += 1;
  }
  return kept;
}

function arityIfDropped(arg: string): Arity | undefined {
  // Standard input as the program, and the end of options: either would shift the path of the worker's module.
  if (arg === "-" || arg === "--") return "alone";
  const name = optionName(arg);
  // New Node versions add `--test-…` options. Treat unknown ones as taking a value; those known to take none are
  // listed above.
  return NOT_INHERITED[name] ?? (name.startsWith("--test-") ? "with-value" : undefined);
}

/** Like Node, treats a next argument that begins with `-` as another option, unless it is `-` alone. */
function isValue(arg: string | undefined): boolean {
  return arg !== undefined && (!arg.startsWith("-") || arg === "-");
}

/** The name of an option without its value; Node reads `_` in long names as `-`. */
function optionName(arg: string): string {
  const name = arg.replace(/=.*$/s, "");
  return name.startsWith("--") ? name.replaceAll("_", "-") : name;
}

/** `--inspect` on any free port of the address asked for last, if the parent has any option that opens one. */
function inspectorOption(args: readonly string[]): string | undefined {
  let host: string | undefined;
  for (const arg of args) {
    if (!/^--inspect(?:-brk|-wait|-brk-node)?$/.test(optionName(arg))) continue;
    const value = /=(.*)$/s.exec(arg)?.[1] ?? "";
    host = /^\d*$/.test(value) ? "127.0.0.1" : value.replace(/:\d+$/, "");
  }
  return host === undefined ? undefined : `--inspect=${host}:0`;
}

/** A test file is known by the runner that started it, or by its name if Node was started with it alone. */
function isTestRun(parent: LaunchParent, options: readonly string[]): boolean {
  return (
    variable(parent.env, "NODE_TEST_CONTEXT", parent.platform ?? process.platform) !== undefined ||
    [...options, ...parent.execArgv].some((arg) => /^--test(?:-|$)/.test(optionName(arg))) ||
    /[._-](?:test|spec)\.[cm]?[jt]sx?$/.test(parent.argv?.[1] ?? "")
  );
}

function inheritedEnvironment(
  env: Readonly<NodeJS.ProcessEnv>,
  options: readonly string[] | undefined,
  platform: NodeJS.Platform,
): NodeJS.ProcessEnv {
  const inherited: NodeJS.ProcessEnv = {};
  for (const [key, value] of Object.entries(env)) {
    const name = canonicalName(key, platform);
    if (value === undefined || VARIABLES_NOT_INHERITED.has(name)) continue;
    if (name !== "NODE_OPTIONS" || options === undefined) {
      inherited[key] = value;
      continue;
    }
    const kept = inheritedOptions(options);
    // Untouched text stays as the user wrote it.
    if (kept.length === options.length) inherited[key] = value;
    else if (kept.length > 0) inherited[key] = formatNodeOptions(kept);
  }
  return inherited;
}

function variable(
  env: Readonly<NodeJS.ProcessEnv>,
  name: string,
  platform: NodeJS.Platform,
): string | undefined {
  const key = Object.keys(env).find((candidate) => canonicalName(candidate, platform) === name);
  return key === undefined ? undefined : env[key];
}

/** Windows does not tell variables apart by case, and a copy of its environment is a plain object. */
function canonicalName(name: string, platform: NodeJS.Platform): string {
  return platform === "win32" ? name.toUpperCase() : name;
}
