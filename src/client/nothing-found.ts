/**
 * Says that a discovery has found nobody to call, before the calls that wait for one give up: where was looked, who was
 * seen there and why not used, and what to do.
 */
import type { Discovery } from "../discovery/discovery.ts";
import { describeSource } from "../discovery/source-name.ts";
import type { Refusal } from "../errors/no-workers-available-error.ts";
import { warn } from "../internal/warn.ts";

/** How long a discovery may find nobody before that is worth a warning. */
export const NOTICE_AFTER_MS = 5_000;

/** The workers known at that time. */
export interface FoundSoFar {
  /** Members. */
  readonly size: number;
  /** Members that must be ready before the first call goes out. */
  readonly quorum: number;
  /** Workers seen that are not members. */
  readonly refusals: readonly Refusal[];
}

/** Warns. To be called once for each proxy. */
export function warnOfNothingFound({ descriptor }: Discovery, found: FoundSoFar): void {
  const { size, quorum, refusals } = found;
  const whom =
    size === 0 ? "no worker that can be used" : `${size} of the ${quorum} workers that its quorum is`;
  const others = size === 0 ? "nobody was seen" : "nobody else was seen";
  warn(
    "MERINO_NOTHING_FOUND",
    `After ${NOTICE_AFTER_MS / 1_000} s a search in ${describeSource(descriptor)} has found ${whom}: ` +
      `${refusals.length === 0 ? others : summarize(refusals)}. Calls wait meanwhile. ${advice(descriptor)}`,
  );
}

/** Each reason with how many it concerns, and what is said of the first of them. */
function summarize(refusals: readonly Refusal[]): string {
  const byReason = new Map<string, { count: number; readonly detail: string }>();
  for (const { reason, detail } of refusals) {
    const known = byReason.get(reason);
    if (known === undefined) byReason.set(reason, { count: 1, detail });
    else known.count += 1;
  }
  const parts = [...byReason].map(([reason, { count, detail }]) => `${count} for '${reason}' (${detail})`);
  return `${refusals.length === 1 ? "1 worker was" : `${refusals.length} workers were`} refused, ${parts.join(", ")}`;
}

function advice(descriptor: Discovery["descriptor"]): string {
  const source = descriptor === undefined ? "" : describeSource(descriptor);
  // In quotes, if the command knows it by name.
  if (!source.startsWith("'")) return "Check that the workers run, and are announced there";
  return `Check that the workers run, and are announced under the same name: npx merino doctor --discovery ${source}`;
}
