/**
 * Attacks network workers, and callers of such, in every way that the hostile kit of the tests has, once the package is
 * built: each a process of its own, beside calls that have nothing to do with the attack. Prints a table in Markdown: by how
 * much the memory of the process grew at most, as a part of what its peers may make it hold, what processor time it took, how
 * long those calls took, and for how long the process ran during one of them at most, which is what they would take on a
 * machine that does nothing else. The exit code is 1 if anything is in the column of faults.
 *
 *     node --import tsx test/integration/attacks/main.ts --seconds 4 --budget 256 --only Maps
 *     node --import tsx test/integration/attacks/main.ts --write     (puts the table into docs/security.md)
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { HTTP2_ATTACKS } from "../../support/hostile/http2-attacks.ts";
import { SESSION_ATTACKS } from "../../support/hostile/session-attacks.ts";
import { WORKER_ATTACKS } from "../../support/hostile/worker-attacks.ts";
import { BEFORE } from "./before.ts";
import { callerUnderAttack } from "./caller-under-attack.ts";
import { cellsOf, faultsOf, HEADS, type Outcome, rowOf } from "./outcome.ts";
import { type AttackOptions, underAttack } from "./under-attack.ts";

const DOCUMENT = new URL("../../../docs/security.md", import.meta.url);
const BEGIN = "<!-- attacks: begin -->";
const END = "<!-- attacks: end -->";
const lines: string[] = [];

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    budget: { type: "string", default: "256" },
    only: { type: "string", default: "" },
    write: { type: "boolean", default: false },
  },
});

type Attack = (what: string, options: AttackOptions) => Promise<Outcome>;
const attacks: readonly (readonly [name: string, attack: Attack])[] = [
  ...Object.keys({ ...SESSION_ATTACKS, ...HTTP2_ATTACKS }).map((name) => [name, underAttack] as const),
  ...Object.keys(WORKER_ATTACKS).map((name) => [name, callerUnderAttack] as const),
];
const chosen = attacks.filter(([name]) => name.includes(values.only));

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function load(): string {
  return loadavg()[0]?.toFixed(1) ?? "";
}

/** Prints a line of what goes into the document, too. */
function tell(line: string): void {
  lines.push(line);
  print(line);
}

/** Puts lines in place of the table of the document. */
function write(): void {
  const text = readFileSync(DOCUMENT, "utf8");
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${DOCUMENT.pathname} has no place for it`);
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${lines.join("\n")}\n${END}${after}`);
}

if (values.write && values.only !== "") throw new Error("A table of some attacks is not written");
const begunAt = load();
tell(rowOf(HEADS));
tell(`|${HEADS.map(() => "---|").join("")}`);
let faults = 0;
for (const [name, attack] of chosen) {
  const outcome = await attack(name, {
    durationMs: Number(values.seconds) * 1_000,
    budgetBytes: Number(values.budget) * 1024 * 1024,
  });
  faults += faultsOf(outcome).length;
  tell(rowOf(cellsOf(name, BEFORE[name] ?? "", outcome)));
}
tell("");
tell(
  `Node ${process.version}, ${availableParallelism()} processors, for which ${begunAt} threads waited or ran on average in the minute before, and ${load()} at the end; a budget of ${values.budget} MiB, ${values.seconds} s each.`,
);
print(`${chosen.length} attacks, ${faults} faults`);
if (values.write) write();
process.exitCode = faults === 0 && chosen.length > 0 ? 0 : 1;
