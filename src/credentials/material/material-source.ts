/** Where the material of credentials comes from, and what every such source does alike. */
import { CredentialsError } from "../../errors/credentials-error.ts";
import { processWide } from "../../internal/process-wide.ts";
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Trust, TrustMaterial } from "../trust.ts";

/** A source of material; what `Trust` says of its methods holds here. */
export interface MaterialSource extends Pick<Trust, "current" | "follow"> {
  /** What it has given last, or would give; absent before the first. */
  readonly known: TrustMaterial | undefined;
}

/** Where time comes from; tests have it in their hands. */
export interface SourceTime {
  readonly queue: DeadlineQueue;
  /** The present in milliseconds since 1970, in which certificates are dated. */
  readonly date: () => number;
}

/** The time of this process. */
export const systemTime: SourceTime = { queue: deadlines, date: () => Date.now() };

/** Those who follow a source. */
export class Followers {
  readonly #changed = new Set<{ readonly tell: (material: TrustMaterial) => void }>();

  get size(): number {
    return this.#changed.size;
  }

  add(tell: (material: TrustMaterial) => void): Disposable {
    const follower = { tell };
    this.#changed.add(follower);
    return { [Symbol.dispose]: () => void this.#changed.delete(follower) };
  }

  tell(material: TrustMaterial): void {
    for (const { tell } of [...this.#changed]) tell(material);
  }
}

/** Makes a `key` of `Trust`, unique also among several copies of the package. */
export function nextTrustKey(): string {
  const count = processWide("credentials-count", () => ({ last: 0 }));
  count.last += 1;
  return `credentials-${count.last}`;
}

/** Whether two are the same keys and certificates. */
export function isSameMaterial(one: TrustMaterial, other: TrustMaterial): boolean {
  return one.key === other.key && one.cert === other.cert && one.ca === other.ca;
}

/**
 * @param cause Why there is no newer material, if that is known.
 * @throws {@link CredentialsError} if the material may not be used any more.
 */
export function assertNotEnded(material: TrustMaterial, nowMs: number, cause?: unknown): void {
  const { endsAtMs } = material;
  if (endsAtMs === undefined || nowMs < endsAtMs) return;
  throw new CredentialsError(
    {
      reason: "expired",
      source:
        material.identities[0] === undefined ? "certificates" : `certificate for '${material.identities[0]}'`,
      what: `its time has ended at ${new Date(endsAtMs).toISOString()}`,
      remedy: "Renew it, and read it with WorkerCredentials.watch, which follows files that are replaced",
    },
    cause === undefined ? undefined : { cause },
  );
}
