/** What the tests of the command share: the command in a process of its own, and modules for it to serve. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";

const MERINO = fileURLToPath(new URL("../../../dist/cli/merino.js", import.meta.url));
const INDEX = import.meta.resolve("merino");

/** Processes start slowly on a machine that is busy. */
const START_MS = 30_000;

/** How long one may take to end when it is disposed of. */
const END_MS = 10_000;

/** The command as it runs. Disposing ends it. */
export interface CommandProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the exit code, negative for a signal that has killed it. */
  readonly exited: Promise<number>;
  /** Resolves with the address that a worker prints once it serves. */
  serves(): Promise<string>;
  /** Resolves with the addresses once so many have been printed. */
  servesAt(count: number): Promise<readonly string[]>;
}

/** Starts the command as it is built. */
export function startCommand(
  words: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): CommandProcess {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const env = { ...inherited, ...extra };
  const child = spawn(process.execPath, [MERINO, ...words], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const exited = once(child, "close").then(([code]) => (code as number | null) ?? -1);
  let over = false;
  void exited.then(() => {
    over = true;
  });
  return {
    child,
    exited,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    async serves() {
      return (await this.servesAt(1))[0] ?? assert.fail();
    },
    async servesAt(count) {
      const addresses = (): readonly string[] => output.stdout.match(/^.+:\d+$/gm) ?? [];
      await eventually(() => over || addresses().length >= count, { withinMs: START_MS, what: "it serves" });
      return addresses().length < count ? assert.fail(`it has ended: ${output.stderr}`) : addresses();
    },
    async [Symbol.asyncDispose]() {
      // In order, so that it takes its files along.
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** A package's name is part of every identity in it. */
let packages = 0;

/**
 * Writes modules that declare routines; each begins with the imports they need.
 *
 * @param dependencies Packages of this repository to install beside them. Default: none.
 */
export function routinePackage(
  files: Readonly<Record<string, string>>,
  dependencies: readonly string[] = [],
): TemporaryPackage {
  packages += 1;
  const imports = `import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { routine } from ${JSON.stringify(INDEX)};
const exists = async (path) => { while (!existsSync(path)) await pause(5); };
`;
  const sources = Object.fromEntries(Object.entries(files).map(([file, text]) => [file, imports + text]));
  const name = `cli-${process.pid}-${packages}`;
  return temporaryPackage(
    { "package.json": JSON.stringify({ name, type: "module" }), ...sources },
    { dependencies },
  );
}

/** Routines for any test: `add`, `pidOf`, `waitFor`, which ends once a file exists, and `blockUntil`, which blocks its thread. */
export const JOBS = `
export const add = routine(async function add(a, b) { return a + b; });
export const pidOf = routine(async function pidOf() { return process.pid; });
export const waitFor = routine(async function waitFor(path) { await exists(path); return "found"; });
export const blockUntil = routine(function blockUntil(path, begun) { writeFileSync(begun, ""); while (!existsSync(path)); });
`;

/** What {@link JOBS} exports. */
export interface Jobs {
  readonly add: import("merino").Routine<(a: number, b: number) => Promise<number>>;
  readonly pidOf: import("merino").Routine<() => Promise<number>>;
  readonly waitFor: import("merino").Routine<(path: string) => Promise<string>>;
  readonly blockUntil: import("merino").Routine<(path: string, begun: string) => void>;
}
