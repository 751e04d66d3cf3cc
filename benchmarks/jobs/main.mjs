/**
 * Do real jobs show what the benchmark of calls shows? Thumbnails (sharp), pages (React), a log in chunks, highlighting
 * (highlight.js) and Babel, on two workers: Merino's threads and processes beside Piscina, in rounds that take turns. Each
 * side is a program of its own, so that its processor time is all that the system has counted for it and its children;
 * it and the wall time are those of the calls alone, after a warm-up.
 *
 * Run with `npm install --prefix benchmarks/jobs && npm run build && node benchmarks/jobs/main.mjs`, options
 * `--jobs page,aggregate --calls 20 --rounds 3 --json --check`. A job whose package is not installed is left out.
 */
import { execFile } from "node:child_process";
import console from "node:console";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const SIDES = ["piscina", "thread", "process"];
/** Calls of each job, for some half a second on two processors, compiled as it is by then. */
const CALLS = { thumbnail: 120, page: 400, aggregate: 400, colour: 150, transpile: 40 };
/** Ratios to Piscina, of processor and of wall time. */
const TARGETS = { thread: 1.05, process: 1.15 };

const { values: options } = parseArgs({
  options: {
    jobs: { type: "string", default: Object.keys(CALLS).join(",") },
    calls: { type: "string" },
    rounds: { type: "string", default: "7" },
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
  },
});

const program = fileURLToPath(new URL("./side.mjs", import.meta.url));
const { NODE_OPTIONS: _, NODE_EXTRA_CA_CERTS: __, ...env } = process.env;

async function run(side, job, calls) {
  const { stdout } = await promisify(execFile)(process.execPath, [program, side, job, String(calls)], {
    env,
  });
  return JSON.parse(stdout);
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)];

async function measure(job) {
  const calls = Number(options.calls ?? CALLS[job]);
  const rounds = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const figures = {};
    for (let turn = 0; turn < SIDES.length; turn++) {
      const side = SIDES[(turn + round) % SIDES.length];
      figures[side] = await run(side, job, calls);
    }
    const sums = new Set(SIDES.map((side) => figures[side].sha256));
    if (sums.size !== 1) throw new Error(`The sides do not agree about '${job}'`);
    rounds.push(figures);
  }
  const row = { job, calls, rounds };
  for (const side of SIDES) {
    row[side] = Object.fromEntries(
      ["wallMs", "cpuMs"].map((key) => [
        key,
        {
          median: median(rounds.map((figures) => figures[side][key])),
          ratio: median(rounds.map((figures) => figures[side][key] / figures.piscina[key])),
        },
      ]),
    );
  }
  return row;
}

const rows = [];
for (const job of options.jobs.split(",")) {
  if (CALLS[job] === undefined) throw new Error(`There is no job '${job}': ${Object.keys(CALLS).join(", ")}`);
  process.stderr.write(`${job}\n`);
  try {
    rows.push(await measure(job));
  } catch (error) {
    const missing = /Cannot find (?:package|module) '([^']+)'/.exec(error.stderr ?? "")?.[1];
    if (missing === undefined) throw error;
    process.stderr.write(
      `${job} is left out: ${missing} is not installed: npm install --prefix benchmarks/jobs\n`,
    );
  }
}
if (rows.length === 0) throw new Error("No job could be measured");

if (options.json) {
  console.log(JSON.stringify({ node: process.versions.node, rows }, null, 2));
} else {
  console.log(
    "| job | calls | piscina: wall, CPU ms | threads: wall × | CPU × | processes: wall × | CPU × |",
  );
  console.log("| --- | --: | --: | --: | --: | --: | --: |");
  for (const { job, calls, piscina, thread, process: child } of rows) {
    const absolute = `${piscina.wallMs.median.toFixed(0)}, ${piscina.cpuMs.median.toFixed(0)}`;
    const ratios = [thread, child].flatMap(({ wallMs, cpuMs }) => [wallMs, cpuMs]);
    console.log(`| ${[job, calls, absolute, ...ratios.map(({ ratio }) => ratio.toFixed(2))].join(" | ")} |`);
  }
}
const missed = rows.some((row) =>
  Object.entries(TARGETS).some(
    ([side, most]) => row[side].wallMs.ratio > most || row[side].cpuMs.ratio > most,
  ),
);
if (options.check && missed) process.exitCode = 1;
