/** Judges what has become of the calls by the ids that bodies have noted: none may have run twice, or in spite of its error. */
import type { SettledCall } from "./load.ts";

/** @returns What should not be, in words; each kind of finding a few times at most. */
export function judgeCalls(settled: readonly SettledCall[], started: readonly string[]): readonly string[] {
  const starts = new Map<string, number>();
  for (const id of started) starts.set(id, (starts.get(id) ?? 0) + 1);
  const twice = [...starts]
    .filter(([, count]) => count > 1)
    .map(([id, count]) => `${id} has run ${count} times`);
  const known = new Set(["first", ...settled.map(({ id }) => id)]);
  const strange = [...starts.keys()].filter((id) => !known.has(id.replace(/\/1$/, "")));
  const isOuter = ({ kind }: SettledCall): boolean => kind === "nested" || kind === "relayed";
  const ran = (call: SettledCall): boolean =>
    // The error of a nested call may be that of the inner one, which has not run then.
    starts.has(isOuter(call) ? `${call.id}/1` : call.id);
  return [
    ...few(twice),
    ...few(strange.map((id) => `${id} has run, and was never called`)),
    ...few(
      settled
        .filter((call) => call.outcome.startsWith("wrong"))
        .map(({ id, outcome }) => `${id}: ${outcome}`),
    ),
    ...few(
      settled
        .filter((call) => call.outcome === "value" && !(starts.has(call.id) && ran(call)))
        .map(({ id, kind }) => `${kind} ${id} has an answer, and has not run`),
    ),
    ...few(
      settled
        .filter((call) => call.notRun && ran(call))
        .map(({ id, kind, outcome }) => `${kind} ${id} has run in spite of ${outcome}`),
    ),
  ];
}

function few(findings: readonly string[]): readonly string[] {
  return findings.length <= 10
    ? findings
    : [...findings.slice(0, 10), `and ${findings.length - 10} more like these`];
}
