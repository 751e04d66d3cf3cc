/** The report of a run of the chaos, for people. */
import { type ChaosReport, tally } from "./chaos.ts";

/** Puts it into lines. */
export function describeChaos({ settled, faults, workers, bodies, warnings, findings }: ChaosReport): string {
  const lines = [
    `${settled.length} calls have settled, ${bodies} bodies have run, ${workers} workers were started`,
  ];
  const kinds = new Map<string, string[]>();
  for (const { kind, outcome } of settled) kinds.set(kind, [...(kinds.get(kind) ?? []), outcome]);
  for (const [kind, outcomes] of kinds) lines.push(`  ${kind.padEnd(12)} ${inWords(tally(outcomes))}`);
  const slowest = [...settled].sort((one, other) => other.tookMs - one.tookMs).slice(0, 3);
  const times = slowest.map(
    ({ kind, outcome, tookMs }) => `${(tookMs / 1000).toFixed(1)} s (${kind}: ${outcome})`,
  );
  lines.push(`the slowest took ${times.join(", ")}`);
  const count = Object.values(faults).reduce((sum, number) => sum + number, 0);
  lines.push(`${count} faults:`, ...Object.entries(faults).map(([name, number]) => `  ${number} × ${name}`));
  lines.push(`warnings: ${inWords(warnings) || "none"}`);
  lines.push(`${findings.length} findings`, ...findings.map((finding) => `FOUND ${finding}`));
  return lines.join("\n");
}

function inWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([name, number]) => `${name} ${number}`)
    .join(", ");
}
