/**
 * What has changed hands with tasks whose bodies have not started, so that a refusal gives it back. A value that was
 * moved to a worker which does not take the call is not lost with it.
 */
import type { Transferable } from "node:worker_threads";
import { discard, isOwned } from "../../codec/beside/attachments.ts";
import type { Carrier, Enclosure } from "../carrier.ts";
import type { ReceivedMessage } from "./received-message.ts";

/** By the numbers of their streams. */
export class ReturnableValues {
  readonly #enclosures = new Map<number, Enclosure>();

  add(stream: number, { parts, attachments }: ReceivedMessage): void {
    this.#enclosures.set(stream, { parts, attachments });
  }

  /** The body has it now. */
  keep(stream: number): void {
    if (this.#enclosures.size > 0) this.#enclosures.delete(stream);
  }

  /**
   * Sends it back, before the frame that says so.
   *
   * @returns Whether there was something.
   */
  giveBack(stream: number, carrier: Carrier): boolean {
    if (this.#enclosures.size === 0) return false;
    const enclosure = this.#enclosures.get(stream);
    this.#enclosures.delete(stream);
    if (enclosure === undefined || carrier.enclose === undefined) return false;
    const { parts, attachments } = enclosure;
    // The reader has put each part into memory of its own.
    const memory = new Set(parts.map(({ buffer }) => buffer as ArrayBuffer));
    carrier.enclose(enclosure, [...memory, ...(attachments.filter(isOwned) as Transferable[])]);
    return true;
  }

  /** Nobody wants it any more. */
  drop(stream: number): void {
    if (this.#enclosures.size === 0) return;
    discard(this.#enclosures.get(stream)?.attachments ?? []);
    this.#enclosures.delete(stream);
  }

  clear(): void {
    for (const { attachments } of this.#enclosures.values()) discard(attachments);
    this.#enclosures.clear();
  }
}
