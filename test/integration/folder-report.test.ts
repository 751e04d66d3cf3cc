/**
 * Runs the folder-report example as its users do, as a program of its own, and checks its figures
 * against an independent computation. Needs the built package, which the example imports by name.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { createProgress } from "../../examples/folder-report/progress.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";

const PROGRAM = fileURLToPath(new URL("../../examples/folder-report/main.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Less than the program's own, which would take the tests minutes. */
const QUALITY = 4;
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY } };
const ESCAPE = "\u001b";

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Folder extends AsyncDisposable {
  readonly path: string;
  /** Paths of its regular files. */
  readonly files: readonly string[];
}

/** A folder with files that compress well, badly and not at all, an empty one and two equal ones. */
async function makeFolder({ files: count }: { files: number }): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "folder-report-"));
  const files: string[] = [];
  const add = async (name: string, content: string | Buffer) => {
    await writeFile(join(path, name), content);
    files.push(join(path, name));
  };
  for (let index = 0; index < count; index++) {
    const half = randomBytes(24 * 1024);
    await add(`half-${index}.bin`, Buffer.concat([half, Buffer.alloc(24 * 1024, `line ${index}\n`)]));
  }
  await add("empty.txt", "");
  await add("first copy.txt", "the same text\n".repeat(500));
  await add("second copy.txt", "the same text\n".repeat(500));
  return { path, files, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...TYPESCRIPT_FLAGS, PROGRAM, "--quality", String(QUALITY), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // A process group of its own, as a shell gives it; its workers are in it too.
  });
}

/** Addresses the program and everything it has started. */
function groupOf(program: ChildProcess): number {
  assert.ok(program.pid !== undefined);
  return -program.pid;
}

async function outcomeOf(program: ChildProcess): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  program.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  program.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(program, "close")) as [number | null];
  return { code, stdout, stderr };
}

function run(...args: string[]): Promise<Outcome> {
  return outcomeOf(start(args));
}

/** The figure in a row of the report; NaN if there is no such row. */
function figure(report: string, label: string): number {
  const row = new RegExp(`^  ${label} +([\\d,]+)`, "m").exec(report);
  return Number(row?.[1]?.replaceAll(",", ""));
}

function callsPerWorker(report: string): { pid: number; folders: number; files: number }[] {
  return [...report.matchAll(/^ {2}pid (\d+) +([\d,]+) folders +([\d,]+) files$/gm)].map(
    ([, pid, folders, files]) => ({ pid: Number(pid), folders: Number(folders), files: Number(files) }),
  );
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("folder-report reports the totals that an independent computation finds", async () => {
  await using folder = await makeFolder({ files: 12 });
  const contents = await Promise.all(folder.files.map((path) => readFile(path)));
  const sum = (measure: (content: Buffer) => number) =>
    contents.reduce((total, content) => total + measure(content), 0);
  const digests = contents.map((content) => createHash("sha256").update(content).digest("hex"));

  const { code, stdout, stderr } = await run(folder.path, "--workers", "2");

  assert.equal(code, 0, stderr);
  assert.equal(figure(stdout, "files"), contents.length);
  assert.equal(figure(stdout, "folders"), 1);
  assert.equal(figure(stdout, "duplicates"), contents.length - new Set(digests).size);
  assert.equal(
    figure(stdout, "content"),
    sum((content) => content.length),
  );
  assert.equal(
    figure(stdout, "gzip"),
    sum((content) => gzipSync(content).length),
  );
  assert.equal(
    figure(stdout, "brotli"),
    sum((content) => brotliCompressSync(content, BROTLI).length),
  );
  assert.ok(figure(stdout, "one process") > 0);
});

test("folder-report spreads the calls of one folder over both workers and leaves neither behind", async () => {
  await using folder = await makeFolder({ files: 80 });

  const { code, stdout, stderr } = await run(folder.path, "--workers", "2");

  assert.equal(code, 0, stderr);
  const calls = callsPerWorker(stdout);
  assert.equal(calls.length, 2, stdout);
  assert.ok(calls.every(({ files }) => files > 0));
  assert.equal(
    calls.reduce((sum, { folders }) => sum + folders, 0),
    1,
  );
  assert.equal(
    calls.reduce((sum, { files }) => sum + files, 0),
    folder.files.length,
  );
  assert.deepEqual(
    calls.filter(({ pid }) => isRunning(pid)),
    [],
  );
});

test("folder-report lists the worst-compressing files first", async () => {
  await using folder = await makeFolder({ files: 1 });
  await writeFile(join(folder.path, "noise.bin"), randomBytes(5_000));

  const { stdout } = await run(folder.path, "--workers", "1");

  const table = stdout.slice(stdout.indexOf("Worst-compressing files")).split("\n\n")[0]?.split("\n") ?? [];
  assert.deepEqual(
    table.slice(1).map((row) => row.slice(row.indexOf(" B  ") + 4)),
    ["noise.bin", "half-0.bin", "first copy.txt", "second copy.txt"],
  );
});

test("folder-report counts what it cannot measure and goes on", async () => {
  await using folder = await makeFolder({ files: 1 });
  await mkdir(join(folder.path, "nothing", "in here"), { recursive: true });
  await symlink("/", join(folder.path, "link"));
  execFileSync("mkfifo", [join(folder.path, "fifo")]);
  await writeFile(join(folder.path, "large.bin"), Buffer.alloc(200_000));

  const { code, stdout, stderr } = await run(folder.path, "--workers", "1", "--max-size", "100000");

  assert.equal(code, 0, stderr);
  assert.equal(figure(stdout, "files"), folder.files.length);
  assert.match(stdout, /^ {2}skipped +1 +empty folder$/m);
  assert.match(stdout, /^ {2}skipped +1 +symbolic link$/m);
  assert.match(stdout, /^ {2}skipped +1 +socket, FIFO or device$/m);
  assert.match(stdout, /^ {2}skipped +1 +file above --max-size$/m);
});

test("folder-report reports on a folder without files", async () => {
  const path = await mkdtemp(join(tmpdir(), "folder-report-"));
  try {
    const { code, stdout, stderr } = await run(path, "--workers", "1");

    assert.equal(code, 0, stderr);
    assert.equal(figure(stdout, "files"), 0);
    assert.equal(figure(stdout, "content"), 0);
  } finally {
    await rm(path, { recursive: true });
  }
});

test("folder-report prints plain lines of progress when it has no terminal", async () => {
  await using folder = await makeFolder({ files: 2 });

  const { stderr } = await run(folder.path, "--workers", "1", "--limit", "4");

  assert.match(stderr, /^1 workers: 2 of 4 files \(50 %\)$/m);
  assert.match(stderr, /^one process: 4 of 4 files \(100 %\)$/m);
  assert.ok(!stderr.includes(ESCAPE));
});

test("createProgress draws one line on a terminal and removes it in the end", () => {
  const written: string[] = [];
  const terminal = { isTTY: true, write: (text: string) => written.push(text) };

  const progress = createProgress("2 workers", 4, terminal);
  progress.update(4);
  progress.end();

  assert.deepEqual(written, [`\r${ESCAPE}[2K2 workers ${"█".repeat(30)} 4 of 4 files`, `\r${ESCAPE}[2K`]);
});

test("folder-report answers a wrong command line with its usage and exit code 2", async () => {
  for (const args of [["no such folder"], ["--limit", "many"], ["--limit", "0"], ["--colour"], [".", "."]]) {
    const { code, stdout, stderr } = await run(...args);

    assert.equal(code, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /^folder-report: .+\n\nUsage: /);
  }
});

test("folder-report ends with exit code 130 and without workers when it is interrupted", {
  timeout: 60_000,
}, async () => {
  await using folder = await makeFolder({ files: 600 });
  const program = start([folder.path, "--workers", "2"]);
  const outcome = outcomeOf(program);
  assert.ok(program.stderr);

  await once(program.stderr, "data");
  process.kill(groupOf(program), "SIGINT"); // What a terminal does on Ctrl-C.

  const { code, stdout, stderr } = await outcome;
  assert.equal(code, 130, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /folder-report: interrupted\n$/);
  assert.ok(!isRunning(groupOf(program)));
});
