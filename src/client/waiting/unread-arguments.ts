/** Calls with blobs among their arguments, whose content is to be read before any worker is chosen for them. */
import { unreadIn } from "../../codec/beside/unread-blobs.ts";
import type { Call } from "../call/call.ts";
import type { QueueBound } from "./queue-bound.ts";

/** Those of one dispatcher. */
export class UnreadArguments {
  #size = 0;
  readonly #bound: Pick<QueueBound, "mayHold" | "watched" | "check">;

  constructor(bound: Pick<QueueBound, "mayHold" | "watched" | "check">) {
    this.#bound = bound;
  }

  /**
   * How many there are for which others are held, which are not made before: else any number would be. Those that have
   * settled meanwhile count, since their content is in memory.
   */
  get size(): number {
    return this.#bound.mayHold ? this.#size : 0;
  }

  /**
   * Has the blobs of a call read, if that has not been done.
   *
   * @param read Goes on with it, unless it has settled meanwhile.
   * @returns Whether the call waits for that.
   */
  read(call: Call, read: () => void): boolean {
    const unread = unreadIn(call.payload);
    if (unread === undefined) return false;
    this.#size += 1;
    const over = (next: () => void): void => {
      this.#size -= 1;
      if (!call.settled) next();
      if (this.#bound.watched) this.#bound.check();
    };
    unread.read().then(
      () => over(read),
      (error: unknown) => over(() => call.fail(error)),
    );
    return true;
  }
}
