/**
 * What a call has laid hands on until it is over: memory that is sent from where it is, and what it is to give away. It
 * sees to it that no other call takes that away meanwhile, and that what a worker gives back goes on to the next.
 */
import { type Attachments, discard } from "../../codec/beside/attachments.ts";
import { lend, unlend } from "../../codec/beside/claims.ts";
import type { Enclosure } from "../../session/carrier.ts";
import { besideOf } from "../../session/messages/enclosing.ts";
import type { Payload } from "../../wire/payload.ts";

/** Of one call. */
export class CallBaggage {
  readonly #beside: Attachments | undefined;
  /** Memory that is sent from where it is. */
  #lent: readonly ArrayBufferLike[];

  constructor(payload: Payload) {
    const beside = besideOf(payload);
    const moved = beside?.moved ?? [];
    this.#beside = beside;
    this.#lent = payload.parts.map(({ buffer }) => buffer).filter((buffer) => !moved.includes(buffer));
    lend(this.#lent);
    beside?.claim();
  }

  /** Whether there are objects among it that pass between threads only. */
  get needsThread(): boolean {
    return this.#beside?.path !== undefined;
  }

  /** Whether something of it is with a worker and nobody else. */
  get isAway(): boolean {
    return this.#beside?.away === true;
  }

  /**
   * A worker has refused the call.
   *
   * @param returned What it has given back.
   * @param isOver Whether the call is sent to no other.
   * @returns Whether the call can be sent to another: everything that was given away has come back.
   */
  refused(returned: Enclosure | undefined, isOver: boolean): boolean {
    if (returned !== undefined) {
      if (isOver) discard(returned.attachments);
      else this.#beside?.restore(returned.parts, returned.attachments);
    }
    return !this.isAway;
  }

  /** The call is over. */
  release(): void {
    unlend(this.#lent);
    this.#lent = [];
    this.#beside?.unclaim();
  }
}
