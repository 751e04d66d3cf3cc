/**
 * Attacks a network worker in every way that the hostile kit of the tests has, once the package is built: each on a worker of
 * its own, with a caller beside it that means well. Prints for each by how much the worker's memory grew at most, as a part of
 * what its peers may make it hold, what processor time it took, and how long the caller's calls took. The exit code is 1 if a
 * worker ended, imported what it was told, ran more bodies than it may, or grew by more than a quarter beyond its budget.
 *
 *     node --import tsx test/integration/attacks/main.ts --seconds 4 --budget 256 --only Maps
 */
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { HTTP2_ATTACKS } from "../../support/hostile/http2-attacks.ts";
import { SESSION_ATTACKS } from "../../support/hostile/session-attacks.ts";
import { type Outcome, underAttack } from "./under-attack.ts";

const MAX_CONCURRENT_CALLS = 200;
const MOST_TIMES = 1.25;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    budget: { type: "string", default: "256" },
    only: { type: "string", default: "" },
  },
});
const names = Object.keys({ ...SESSION_ATTACKS, ...HTTP2_ATTACKS }).filter((name) =>
  name.includes(values.only),
);

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function load(): string {
  return loadavg()[0]?.toFixed(1) ?? "";
}

/** What should not be. */
function faultsOf({ times, alive, imported, lingered }: Outcome): string[] {
  return [
    ...(alive ? [] : ["the worker has ended"]),
    ...(imported ? ["it has imported a module"] : []),
    ...(lingered > MAX_CONCURRENT_CALLS ? [`${lingered} bodies ran`] : []),
    ...(times > MOST_TIMES ? ["it took too much memory"] : []),
  ];
}

function row(what: string, outcome: Outcome): string {
  const { done, times, processors, tookMs, failed } = outcome;
  const within = (part: number): string =>
    (tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * part))] ?? Number.NaN).toFixed(1);
  const cells = [
    what,
    done,
    `${times.toFixed(2)} ×`,
    processors.toFixed(2),
    `${tookMs.length}, ${failed} failed`,
    `${within(0.5)} ms`,
    `${within(0.99)} ms`,
    `${within(1)} ms`,
    faultsOf(outcome).join("; "),
  ];
  return `| ${cells.join(" | ")} |`;
}

print(
  `Node ${process.version}, ${availableParallelism()} processors, load ${load()}; a budget of ${values.budget} MiB, ${values.seconds} s each\n`,
);
print(
  "| attack | bytes, or times | memory, of the budget | processors | calls beside it | half within | 99 % within | all within | faults |",
);
print("|---|---|---|---|---|---|---|---|---|");
let faults = 0;
for (const what of names) {
  const outcome = await underAttack(what, {
    durationMs: Number(values.seconds) * 1_000,
    budgetBytes: Number(values.budget) * 1024 * 1024,
    maxConcurrentCalls: MAX_CONCURRENT_CALLS,
  });
  faults += faultsOf(outcome).length;
  print(row(what, outcome));
}
print(`\n${names.length} attacks, ${faults} faults; load ${load()} at the end`);
process.exitCode = faults === 0 ? 0 : 1;
