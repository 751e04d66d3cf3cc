/**
 * Shares time among several that want it, by virtual time as fair queuing of packets does (start-time fair queuing, Goyal
 * and others 1996): next is the one that will have taken the least after its turn, as far as its
 * last one tells. So whoever takes little waits for no more than the turn of another, however many there are; and nobody
 * saves up time by coming late, nor gets rid of what it has taken by going and coming back.
 */

/** So much every turn counts at least: those that take no time worth mentioning take turns. */
const LEAST_MS = 0.001;

/** Where one of them stands: the one that has taken the least time is the farthest behind. */
export class Standing {
  takenMs = 0;
  /** What its last turn took, which the next one probably takes. */
  turnMs = 0;

  /** Where it will stand after its turn: the one of whom this is the least is next. */
  get afterMs(): number {
    return this.takenMs + this.turnMs;
  }
}

/** The clock that they share. */
export class FairClock {
  /** Where the one stood whose turn was last. */
  #nowMs = 0;

  /** Wants a turn, and has not before: what it has left unused counts no more. */
  join(standing: Standing): void {
    if (standing.takenMs < this.#nowMs) standing.takenMs = this.#nowMs;
  }

  /** Gets its turn. */
  begin(standing: Standing): void {
    this.#nowMs = Math.max(this.#nowMs, standing.takenMs); // time does not run backwards
  }

  /** Its turn has taken so long. */
  charge(standing: Standing, tookMs: number): void {
    standing.turnMs = Math.max(LEAST_MS, tookMs);
    standing.takenMs += standing.turnMs;
  }

  /** Whether it is no farther than whoever comes now, who would begin there. */
  isEven(standing: Standing): boolean {
    return standing.takenMs <= this.#nowMs;
  }
}
