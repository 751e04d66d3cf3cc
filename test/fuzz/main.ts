/**
 * `npm run fuzz`: fuzzes every decoder, for so many inputs or so long. A thread watches that each
 * input ends.
 *
 *     npm run fuzz -- --inputs 10000000 --seconds 600 --seed 7 --target values
 *     npm run fuzz -- --target values --seed 7 --only 4711     (one input again; prints it as hexadecimal digits)
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { fuzz, type InputName, inputOf, measure, type Tally, type Timing } from "./fuzz.ts";
import { TARGETS } from "./targets/all.ts";

const DEFAULT_INPUTS = 10_000_000;
/** A single input is read so often, until it is quick enough: the first times by code that the engine has not made fast yet. */
const RUNS = 40;
/** An input that takes more processor time to be read once hangs. */
const HANG_S = 30;

function count(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text.replaceAll("_", ""));
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`'${text}' is no number`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function report(tallies: readonly Tally[]): number {
  print(
    `${"target".padEnd(24)}${"inputs".padStart(11)}${"large".padStart(8)}${"slowest".padStart(14)}${"peak RSS".padStart(11)}`,
  );
  let findings = 0;
  for (const { target, inputs, large, slowestNsPerByte, peakRssMib, findings: found } of tallies) {
    if (inputs === 0) continue;
    findings += found.length;
    const slowest = large === 0 ? "" : `${slowestNsPerByte.toFixed(1)} ns/byte`;
    print(
      target.padEnd(24) +
        String(inputs).padStart(11) +
        String(large).padStart(8) +
        slowest.padStart(14) +
        `${peakRssMib.toFixed(0)} MiB`.padStart(11),
    );
  }
  for (const { slowest, slowestNsPerByte } of tallies) {
    if (slowest !== "") print(`slowest, ${slowestNsPerByte.toFixed(1)} ns/byte: ${slowest}`);
  }
  for (const { findings: found } of tallies) for (const finding of found) print(`FOUND ${finding}`);
  print(`${tallies.reduce((sum, { inputs }) => sum + inputs, 0)} inputs, ${findings} findings`);
  return findings;
}

async function runOne(
  { target, seed, index }: InputName,
  { timeOnly }: { readonly timeOnly: boolean },
): Promise<void> {
  const place = TARGETS.findIndex(({ name }) => name === target);
  const found = TARGETS[place];
  if (found === undefined)
    throw new Error(`there is no target '${target}': ${TARGETS.map(({ name }) => name).join(", ")}`);
  const { input } = inputOf(found, { seed, place, index });
  if (!timeOnly) {
    print(
      Buffer.from(input.subarray(0, 4096)).toString("hex") +
        (input.length > 4096 ? `… (${input.length} bytes)` : ""),
    );
  }
  const timing = await measure(found, input, { attempt: () => found.run(input), times: RUNS });
  if (timeOnly) return print(JSON.stringify(timing));
  const beside = timing.engineNs === 0 ? "" : `, ${timing.engineNs.toFixed(1)} by the engine`;
  print(`${timing.ns.toFixed(1)} ns/byte, the best of up to ${RUNS} runs${beside}`);
}

/** Measures an input in a process of its own; one that ends otherwise tells of no time. */
function alone({ target, seed, index }: InputName): Timing {
  const words = ["--target", target, "--seed", String(seed), "--only", String(index), "--time"];
  const { stdout } = spawnSync(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), ...words],
    { encoding: "utf8" },
  );
  try {
    return JSON.parse(stdout) as Timing;
  } catch {
    return { ns: Number.POSITIVE_INFINITY, engineNs: 0 };
  }
}

/** Ends the process, and says at which input, if one takes too long. Plain JavaScript, because it is a thread of its own. */
const WATCH = `
  const { workerData: { trying, names, seed, hangSeconds } } = require("node:worker_threads");
  const { cpuUsage } = process;
  let last = "";
  let began = cpuUsage();
  setInterval(() => {
    const now = trying.join(" ");
    if (now !== last) began = cpuUsage();
    last = now;
    const { user, system } = cpuUsage(began);
    if (user + system < hangSeconds * 1e6) return;
    const input = '--target "' + names[trying[0]] + '" --seed ' + seed + " --only " + trying[1];
    require("node:fs").writeSync(1, "FOUND an input that takes more than " + hangSeconds + " s: " + input + "\\n");
    process.kill(process.pid, "SIGKILL");
  }, 1000);
`;

const { values } = parseArgs({
  options: {
    inputs: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string" },
    target: { type: "string" },
    only: { type: "string" },
    /** With `only`: prints what it takes, for the run that has found it slow. */
    time: { type: "boolean", default: false },
  },
});
// A stack with places in TypeScript costs more than most inputs do.
Error.stackTraceLimit = 0;
const seed = count(values.seed, Date.now() % 2 ** 31);
if (values.only !== undefined) {
  const input = { target: values.target ?? "values", seed, index: count(values.only, 0) };
  await runOne(input, { timeOnly: values.time });
} else {
  await runAll();
}

async function runAll(): Promise<void> {
  const { target, seconds } = values;
  const names = TARGETS.map(({ name }) => name);
  if (target !== undefined && !names.includes(target))
    throw new Error(`there is no target '${target}': ${names.join(", ")}`);
  const trying = new Int32Array(new SharedArrayBuffer(12));
  const watch = new Worker(WATCH, { eval: true, workerData: { trying, names, seed, hangSeconds: HANG_S } });
  watch.unref();
  print(`seed ${seed}`);
  // An input is named by the place of its target, so that the others keep theirs and get nothing to do.
  const targets = TARGETS.map((one) =>
    target === undefined || one.name === target ? one : { ...one, share: 0 },
  );
  const share = targets.reduce((sum, one) => sum + one.share, 0);
  const inputs = count(values.inputs, seconds === undefined ? DEFAULT_INPUTS : 1_000_000_000);
  const tallies = await fuzz(targets, {
    seed,
    inputs: (inputs * 100) / share,
    limitMs: seconds === undefined ? Number.POSITIVE_INFINITY : count(seconds, 0) * 1000,
    timed: true,
    alone,
    trying: (place, index) => {
      trying[0] = place;
      trying[1] = index;
      trying[2] = ((trying[2] ?? 0) + 1) | 0; // read once more
    },
  });
  process.exitCode = report(tallies) === 0 ? 0 : 1;
}
