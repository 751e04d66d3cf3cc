/**
 * Judges when the first call of a proxy may go out: as many members as the quorum asks for are ready at a time, and
 * those whose first attempt to connect is under way have been waited for, if they are to be, within a bound. It keeps
 * no verdict: once the first call may go out, nobody asks again.
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Member } from "../members/member.ts";

/** Settings of a quorum. */
export interface QuorumOptions {
  /** Members that must be ready before the first call goes out. */
  readonly quorum: number;
  /**
   * For how long the first call also waits for all first attempts to connect that are under way, in milliseconds from
   * the first of them. Default 0: it does not.
   */
  readonly firstAttemptsMs?: number;
}

/** The wait before the first call. */
export class Quorum {
  readonly #options: QuorumOptions;
  readonly #timeUp: () => void;
  /** Whether first attempts are waited for; `begun` once there has been one. */
  #firstAttempts: "awaited" | "begun" | "over";
  #end: DeadlineEntry | undefined;

  /** @param timeUp First attempts have been waited for long enough: the verdict may be another now. */
  constructor(options: QuorumOptions, timeUp: () => void) {
    this.#options = options;
    this.#timeUp = timeUp;
    this.#firstAttempts = (options.firstAttemptsMs ?? 0) > 0 ? "awaited" : "over";
  }

  /** Whether the first call may go out, with these members, of which so many are ready. */
  isMet(members: readonly Member[], ready: number): boolean {
    if (ready < this.#options.quorum || this.#firstAttempts === "awaited") return false;
    return this.#firstAttempts === "over" || !members.some(({ untried }) => untried);
  }

  /** A member has been admitted, and is being connected to. */
  begin(): void {
    if (this.#firstAttempts !== "awaited") return;
    this.#firstAttempts = "begun";
    this.#end = deadlines.after(this.#options.firstAttemptsMs ?? 0, () => {
      this.#firstAttempts = "over";
      this.#timeUp();
    });
  }

  /** Nobody waits any more. */
  close(): void {
    if (this.#end !== undefined) deadlines.cancel(this.#end);
  }
}
