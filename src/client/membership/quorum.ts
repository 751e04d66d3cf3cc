/**
 * Judges when the first call of a proxy may go out: as many members as the quorum asks for are ready at a time, and
 * those whose first attempt to connect is under way have been waited for, if they are to be, within a bound. It keeps
 * no verdict: once the first call may go out, nobody asks again.
 */
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Member } from "../members/member.ts";

/** Settings of a quorum. */
export interface QuorumOptions {
  /** Members that must be ready before the first call goes out. */
  readonly quorum: number;
  /**
   * For how long the first call also waits for all first attempts to connect that are under way, in milliseconds from
   * the first of them. Default 0: it does not. A proxy that does so is one for nested calls, which a draining member
   * takes rather than nobody: there it counts as ready.
   */
  readonly firstAttemptsMs?: number;
}

/** The wait before the first call. */
export class Quorum {
  readonly #options: QuorumOptions;
  readonly #timeUp: () => void;
  readonly #queue: DeadlineQueue;
  readonly #countsDraining: boolean;
  /** Whether first attempts are waited for; `begun` once there has been one. */
  #firstAttempts: "awaited" | "begun" | "over";
  #end: DeadlineEntry | undefined;

  /**
   * @param timeUp First attempts have been waited for long enough: the verdict may be another now.
   * @param queue Where time comes from; the shared one unless a test gives another.
   */
  constructor(options: QuorumOptions, timeUp: () => void, queue: DeadlineQueue = deadlines) {
    this.#options = options;
    this.#timeUp = timeUp;
    this.#queue = queue;
    this.#countsDraining = (options.firstAttemptsMs ?? 0) > 0;
    this.#firstAttempts = this.#countsDraining ? "awaited" : "over";
  }

  /** Whether the first call may go out, with these members. */
  isMet(members: readonly Pick<Member, "ready" | "draining" | "untried">[]): boolean {
    if (this.#firstAttempts === "awaited") return false;
    const able = members.filter(({ ready, draining }) => ready && (this.#countsDraining || !draining));
    if (able.length < this.#options.quorum) return false;
    return this.#firstAttempts === "over" || !members.some(({ untried }) => untried);
  }

  /** A member has been admitted, and is being connected to. */
  begin(): void {
    if (this.#firstAttempts !== "awaited") return;
    this.#firstAttempts = "begun";
    this.#end = this.#queue.after(this.#options.firstAttemptsMs ?? 0, () => {
      this.#firstAttempts = "over";
      this.#timeUp();
    });
  }

  /** Nobody waits any more. */
  close(): void {
    if (this.#end !== undefined) this.#queue.cancel(this.#end);
  }
}
