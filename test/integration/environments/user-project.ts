/** Projects as users have them: the built package in `node_modules`, programs beside it, run to their end. Needs `dist/`. */
import assert from "node:assert/strict";
import { cpSync, linkSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { ROOT } from "../../support/repository.ts";
import { type RunOptions, type RunResult, runNode } from "../../support/run-node.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";

/** A project with Merino installed. */
export interface UserProject extends AsyncDisposable {
  readonly directory: string;
  path(file: string): string;
  url(file: string): string;
  /**
   * Runs `node` in the project's directory.
   *
   * @param args Everything after `node`.
   */
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** How a project is set up. */
export interface UserProjectOptions {
  /** Packages of this repository to install beside Merino. Default: `tsx`. */
  readonly dependencies?: readonly string[];
  /** Where the project lies inside a temporary directory; for names that need care. Default: at its top. */
  readonly folder?: string;
}

/** A `package.json` for ES modules. */
export const MODULES = '{ "name": "program", "type": "module" }';

/** Node's arguments for TypeScript: what `tsx` and `node --import tsx` come to. */
export const TSX: readonly string[] = ["--import", "tsx"];

/** Whether this Node takes TypeScript by itself. */
export const STRIPS_TYPES: boolean = ["strip", "transform"].includes(
  String((process.features as { readonly typescript?: unknown }).typescript),
);

/**
 * Makes a project and installs the built package in it.
 *
 * Disposing asserts that no process of it is left, and nothing of what a leak check looks at.
 *
 * @param files Contents by path, from the project's directory.
 */
export function userProject(
  files: Readonly<Record<string, string>>,
  options: UserProjectOptions = {},
): UserProject {
  const { dependencies = ["tsx"], folder = "" } = options;
  const leaks = leakCheck();
  const inFolder = Object.entries(files).map(([file, text]) => [join(folder, file), text] as const);
  const temporary: TemporaryPackage = temporaryPackage(Object.fromEntries(inFolder), { dependencies });
  built ??= copyBuilt();
  linkFiles(built.directory, temporary.path("node_modules/merino"));
  const directory = join(temporary.directory, folder);
  return {
    directory,
    path: (file) => temporary.path(join(folder, file)),
    url: (file) => temporary.url(join(folder, file)),
    run: (args, runOptions) => runNode(args, { cwd: directory, ...runOptions }),
    async [Symbol.asyncDispose]() {
      try {
        const left = (): string[] => processesOf(temporary.directory);
        await eventually(() => left().length === 0).catch(() => {});
        assert.deepEqual(left(), [], "processes left behind");
        await leaks[Symbol.asyncDispose]();
      } finally {
        temporary[Symbol.dispose]();
      }
    },
  };
}

/** The built package as it was when the first project was made, so that one build serves all tests of a file. */
let built: TemporaryPackage | undefined;

function copyBuilt(): TemporaryPackage {
  const copy = temporaryPackage({});
  process.once("exit", () => copy[Symbol.dispose]());
  // Nothing that is run reads declarations, and they are most of the files.
  const filter = (source: string): boolean => !source.endsWith(".d.ts");
  for (const part of ["dist", "package.json"])
    cpSync(join(ROOT, part), copy.path(part), { recursive: true, filter });
  return copy;
}

/** Gives the files of a folder a second place. It costs a tenth of copying them, and no test writes to them. */
function linkFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkFiles(source, target);
    else linkSync(source, target);
  }
}

/** Output without what Node itself says of a feature that it calls experimental. */
export function withoutNodeWarnings(stderr: string): string {
  return stderr
    .split("\n")
    .filter(
      (line) =>
        !/ExperimentalWarning|MODULE_TYPELESS_PACKAGE_JSON|Reparsing as ES module|To eliminate this warning|node --trace-warnings/.test(
          line,
        ),
    )
    .join("\n");
}

/** Asserts that a program printed exactly these lines, nothing else, and ended with exit code 0. */
export function assertOutput(result: RunResult, lines: readonly string[]): void {
  const expected = lines.map((line) => `${line}\n`).join("");
  assert.deepEqual(
    { ...result, stderr: withoutNodeWarnings(result.stderr) },
    { exitCode: 0, stdout: expected, stderr: "" },
  );
}

/** Linux only: command lines that name the directory, as those of the project's workers do. */
function processesOf(directory: string): string[] {
  const commands: string[] = [];
  for (const pid of listing("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const command = commandOf(pid);
    if (command.includes(`${directory}/`)) commands.push(`${pid} ${command}`);
  }
  return commands;
}

function listing(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // not Linux
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ");
  } catch {
    return ""; // it has just ended
  }
}
