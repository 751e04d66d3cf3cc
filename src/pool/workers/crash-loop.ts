/** Counts the workers of one place that have died, or could not import a module, in a row: the pauses between them grow. */
import { backoffDelayMs } from "../../internal/time/backoff.ts";
import { warn } from "../../internal/warn.ts";
import { LOOP, RESPAWN, RESPAWN_SERVED } from "./respawn-policy.ts";

/** The next attempt. */
export interface Attempt {
  /** Which it is in its row, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
}

/** What has gone wrong in one place. */
export class CrashLoop {
  #deaths = 0;
  #failedImports = 0;

  /** A worker was not at fault for its end, or has served for a while. */
  endDeaths(): void {
    this.#deaths = 0;
  }

  /** The worker in which an import has failed has served for a while. */
  endFailedImports(): void {
    this.#failedImports = 0;
  }

  /** @param lastWords How the worker ended: a sentence. */
  died(last: "served" | "never-ready", lastWords: string): Attempt {
    this.#deaths += 1;
    const attempt = this.#deaths;
    const policy = last === "served" ? RESPAWN_SERVED : RESPAWN;
    const delayMs = Math.round(backoffDelayMs(attempt, policy, Math.random));
    if (isWorthTelling(attempt)) {
      warn(
        "MERINO_CRASH_LOOP",
        `A worker has died ${attempt} times in a row; the next one starts in ${delayMs} ms. ${lastWords}`,
      );
    }
    return { attempt, delayMs };
  }

  /** An import has failed in a worker: the first time another one starts at once. */
  importFailed(): Attempt {
    this.#failedImports += 1;
    const attempt = this.#failedImports;
    const delayMs = attempt === 1 ? 0 : Math.round(backoffDelayMs(attempt - 1, RESPAWN_SERVED, Math.random));
    if (isWorthTelling(attempt)) {
      warn(
        "MERINO_CRASH_LOOP",
        `The import of a module has failed in ${attempt} workers in a row; the next one starts in ${delayMs} ms. The calls that needed it failed with its error as their cause`,
      );
    }
    return { attempt, delayMs };
  }
}

/** Repeated each time the count has doubled, so that a log shows it and is not flooded. */
function isWorthTelling(attempt: number): boolean {
  return attempt >= LOOP && Number.isInteger(Math.log2(attempt / LOOP));
}
