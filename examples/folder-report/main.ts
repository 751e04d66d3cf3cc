/**
 * Reports how well the files of a folder compress, measured on a pool of worker processes, and how long
 * the same job takes in one process. Run with `npm run demo`, or `npm run demo -- <folder>`.
 */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { WorkerPool } from "merino";
import { type Finding, measureFile, measureFolder } from "./jobs.ts";
import { type Plan, planFolder } from "./plan.ts";
import { createProgress } from "./progress.ts";
import { Findings, formatReport } from "./report.ts";

const USAGE = `Usage: main.ts [folder] [options]
  folder            what to measure (default: node_modules)
  --limit <files>   most files to measure (default: 1000)
  --max-size <B>    leave out files above this size in bytes (default: 262144)
  --quality <n>     quality of brotli, 0 to 11: how much work a file is (default: 11)
  --workers <n>     worker processes (default: 0, one per available processor)`;

/** With 2 instead of 8, two workers take two thirds longer for a typical `node_modules`. */
const FOLDERS_PER_WORKER = 8;

interface Options {
  readonly root: string;
  readonly limit: number;
  readonly maxSize: number;
  readonly quality: number;
  readonly workers: number;
}

/** What is to be done, whoever does it. */
interface Job {
  readonly plan: Plan;
  readonly quality: number;
  readonly signal: AbortSignal;
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  const { root, limit, maxSize, quality, workers } = options;
  const plan = await planFolder(root, { limit, maxSize, signal });

  const start = performance.now();
  await using pool = await WorkerPool.open({ size: workers });
  const startMs = performance.now() - start;
  const size = pool.workers.length;
  const pooled = await collect(`${size} workers`, plan, (found) =>
    measureOnPool({ plan, quality, signal }, size, found),
  );
  const poolMs = performance.now() - start;

  const localStart = performance.now();
  const local = await collect("one process", plan, (found) => measureHere({ plan, quality, signal }, found));
  const localMs = performance.now() - localStart;

  console.log(formatReport({ root, plan, findings: pooled, workers: size, poolMs, startMs, localMs }));
  if (pooled.fingerprint() !== local.fingerprint())
    throw new Error("The folder has changed between the two runs");
}

/**
 * Several folders per worker at a time: most folders hold few files, and a worker should have something to
 * do while the results of others travel. All lanes take their folders from one iterator; a lane that is done early takes the next.
 */
async function measureOnPool(
  { plan, quality, signal }: Job,
  workers: number,
  found: (finding: Finding) => void,
): Promise<void> {
  const folders = plan.folders.values();
  const lane = async () => {
    for (const { path, files } of folders) {
      for await (const finding of measureFolder.with({ signal })(path, files, quality)) found(finding);
    }
  };
  await Promise.all(Array.from({ length: FOLDERS_PER_WORKER * workers }, lane));
}

/** The same work without the pool: `local` runs a routine's body here. */
async function measureHere({ plan, quality, signal }: Job, found: (finding: Finding) => void): Promise<void> {
  for (const { path, files } of plan.folders) {
    for (const name of files) {
      found(measureFile.local(resolve(path, name), quality));
      await nextTurn(); // Lets Ctrl-C be noticed; the bodies are blocking.
      signal.throwIfAborted();
    }
  }
}

/** Runs a job under a progress bar and returns what it found. */
async function collect(
  title: string,
  plan: Plan,
  job: (found: (finding: Finding) => void) => Promise<void>,
): Promise<Findings> {
  const findings = new Findings();
  const progress = createProgress(title, plan.fileCount);
  try {
    await job((finding) => {
      findings.add(finding);
      progress.update(findings.done);
    });
  } finally {
    progress.end();
  }
  return findings;
}

/** @throws Error that says what is wrong with the command line. */
function parseOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      limit: { type: "string", default: "1000" },
      "max-size": { type: "string", default: String(256 * 1024) },
      quality: { type: "string", default: "11" },
      workers: { type: "string", default: "0" },
    },
  });
  const [folder = "node_modules", ...more] = positionals;
  if (more.length > 0) throw new Error(`Expected one folder, got ${positionals.length}`);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`"${folder}" is not a folder`);
  return {
    root: resolve(folder),
    limit: parseCount("--limit", values.limit, 1),
    maxSize: parseCount("--max-size", values["max-size"], 0),
    quality: parseCount("--quality", values.quality, 0, 11),
    workers: parseCount("--workers", values.workers, 0),
  };
}

function parseCount(option: string, text: string, least: number, most?: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > (most ?? Number.MAX_SAFE_INTEGER)) {
    const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new Error(`${option} must be a whole number ${range}, got "${text}"`);
  }
  return value;
}

let options: Options | undefined;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  console.error(`folder-report: ${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 2;
}

if (options !== undefined) {
  const interruption = new AbortController();
  process.once("SIGINT", () => interruption.abort());
  try {
    await main(options, interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    console.error("folder-report: interrupted");
    process.exitCode = 130; // What a shell reports for a program ended by SIGINT.
  }
}
