/**
 * Proves that a test leaves nothing behind: no child process, socket, server, timer, open descriptor or file.
 *
 * While it is in force, this process and its children have a runtime directory of their own, so that tests
 * that run at the same time do not see one another's files.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

/** What a leak check may be told. */
export interface LeakCheckOptions {
  /** Milliseconds that closing may take to finish, a guard against waiting for ever. Default 10 000. */
  readonly withinMs?: number;
  /**
   * Threads are ended whatever they do. One that reads a module just then leaves its descriptor open, which nobody but
   * Node could close; those of modules are not counted. Default false.
   */
  readonly endsThreads?: boolean;
}

/** What Node opens by itself. */
const MODULE = /^descriptor .*\.[cm]?[jt]s$/;

/** A leak check in force. */
export interface LeakCheck extends AsyncDisposable {
  /** The private directory that stands for `$XDG_RUNTIME_DIR`. */
  readonly runtimeRoot: string;
}

/**
 * Notes what is open now. Disposing asserts that nothing else is open by then.
 *
 * @example
 * await using _leaks = leakCheck();
 */
export function leakCheck(options: LeakCheckOptions = {}): LeakCheck {
  const { withinMs = 10_000, endsThreads = false } = options;
  const runtimeRoot = mkdtempSync(join(tmpdir(), "merino-test-"));
  const session = process.env.XDG_RUNTIME_DIR;
  process.env.XDG_RUNTIME_DIR = runtimeRoot;
  const before = takeInventory(runtimeRoot);
  return {
    runtimeRoot,
    async [Symbol.asyncDispose]() {
      try {
        const leaks = (): string[] =>
          difference(takeInventory(runtimeRoot), before).filter((item) => !endsThreads || !MODULE.test(item));
        // Whatever is left when the time is over is what the assertion shows.
        await eventually(() => leaks().length === 0, { withinMs }).catch(() => {});
        assert.deepEqual(leaks(), [], "left behind");
      } finally {
        if (session === undefined) delete process.env.XDG_RUNTIME_DIR;
        else process.env.XDG_RUNTIME_DIR = session;
        rmSync(runtimeRoot, { recursive: true, force: true });
      }
    },
  };
}

/** Everything open, each thing as a text; equal things occur as often as they are open. */
function takeInventory(runtimeRoot: string): string[] {
  return [
    // A histogram of the loop's delays is open for as long as the engine has not collected it: nobody can close it.
    ...process
      .getActiveResourcesInfo()
      .filter((kind) => kind !== "IntervalHistogram")
      .map((kind) => `resource ${kind}`),
    ...childProcesses(),
    ...descriptors(),
    ...filesIn(runtimeRoot),
  ];
}

function difference(after: readonly string[], before: readonly string[]): string[] {
  const left = [...before];
  return after.filter((item) => {
    const position = left.indexOf(item);
    if (position === -1) return true;
    left.splice(position, 1);
    return false;
  });
}

/** Linux only; elsewhere children show as the resource `ProcessWrap`. */
function childProcesses(): string[] {
  const children: string[] = [];
  for (const task of listing("/proc/self/task")) {
    for (const pid of contentOf(`/proc/self/task/${task}/children`).split(" ").filter(Boolean)) {
      const command = contentOf(`/proc/${pid}/cmdline`).split("\0").join(" ");
      // The loader's compiler: it starts and ends as modules are imported, whatever the test does.
      if (!command.includes("esbuild")) children.push(`child process ${pid} ${command}`);
    }
  }
  return children;
}

/** Linux only. Loops, threads and file watches own anonymous inodes that they keep for reuse; those are not counted. */
function descriptors(): string[] {
  const open: string[] = [];
  for (const descriptor of listing("/proc/self/fd")) {
    const target = targetOf(`/proc/self/fd/${descriptor}`);
    if (target !== undefined && !target.startsWith("anon_inode:") && !/^\/proc\/\d+\/fd$/.test(target)) {
      open.push(`descriptor ${target}`);
    }
  }
  return open;
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => `file ${join(entry.parentPath, entry.name)}`);
}

function listing(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Not Linux, or a thread that has just ended.
    return [];
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    // A process that has just ended.
    return "";
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    // The descriptor of the listing itself, closed by now.
    return undefined;
  }
}
