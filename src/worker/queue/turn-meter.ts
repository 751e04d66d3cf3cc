/**
 * What a turn of somebody on the network took of the thread by its own doing: neither while the thread waited for a
 * processor, nor while the engine collected garbage, which is all bodies' and comes when it comes. Whoever has the thread in
 * such a moment would stand behind all others for it. What a body waits for itself, of a disk for instance, counts.
 */
import { type CollectionPauses, collectionPauses } from "../../internal/time/collection-pauses.ts";
import { processorWaitMs } from "../../internal/time/processor-wait.ts";

/** Shorter turns are taken as they are: most of them take a few microseconds, and to ask takes as long. */
const LONG_MS = 1;
/** How often it is asked at most before a turn for how long the thread has waited so far. */
const LOOK_MS = 4;

/** Measures the turns of one thread, one after the other. */
export class TurnMeter {
  readonly #waitMs: () => number | undefined;
  readonly #pauses: Pick<CollectionPauses, "watch">;
  /** When it was asked last, and what the answer was. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  #waitedMs: number | undefined;

  /**
   * @param waitMs For how long the thread has waited for a processor so far; `undefined` where that is not known.
   * @param pauses When garbage was collected.
   */
  constructor(
    waitMs: () => number | undefined = processorWaitMs,
    pauses: Pick<CollectionPauses, "watch"> = collectionPauses(),
  ) {
    this.#waitMs = waitMs;
    this.#pauses = pauses;
  }

  /** A turn begins. */
  begin(nowMs: number): void {
    if (nowMs - this.#lookedMs >= LOOK_MS) this.#look(nowMs);
  }

  /**
   * The turn that has begun last has ended.
   *
   * @param giveBack Called later, for each part of what this returns that was not its own after all.
   * @returns What it took, in milliseconds.
   */
  end(beganMs: number, endedMs: number, giveBack: (ms: number) => void): number {
    const tookMs = endedMs - beganMs;
    if (tookMs < LONG_MS) return tookMs;
    const before = this.#waitedMs;
    this.#look(endedMs);
    let ownMs = Math.max(0, tookMs - waitBetween(before, this.#waitedMs));
    const chargedMs = ownMs;
    this.#pauses.watch({
      beganMs,
      endedMs,
      paused(ms) {
        const notOwnMs = Math.min(ms, ownMs);
        ownMs -= notOwnMs;
        giveBack(notOwnMs);
      },
    });
    return chargedMs;
  }

  #look(nowMs: number): void {
    this.#lookedMs = nowMs;
    this.#waitedMs = this.#waitMs();
  }
}

function waitBetween(beforeMs: number | undefined, afterMs: number | undefined): number {
  return beforeMs === undefined || afterMs === undefined ? 0 : afterMs - beforeMs;
}
