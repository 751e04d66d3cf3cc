/**
 * Writes a call to the connection of a member: the definitions that its Task names, then the Task. It chooses
 * no member; from here on the call belongs to the worker until that refuses it or provably never got it.
 */
import type { Definable } from "../../session/outbound-definitions.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";

/** Told of every call that is sent. */
export interface SendObserver {
  sent(call: Call, member: Member): void;
}

/** What goes with every call. */
export interface CallSenderOptions {
  /** Travels with each task, for calls nested in it; absent: none does. */
  readonly descriptor: Definable | undefined;
  /** Absent when nobody can listen. */
  readonly observer: SendObserver | undefined;
}

/** Sends calls. */
export class CallSender {
  readonly #descriptor: Definable | undefined;
  readonly #observer: SendObserver | undefined;

  constructor({ descriptor, observer }: CallSenderOptions) {
    this.#descriptor = descriptor;
    this.#observer = observer;
  }

  /**
   * Sends a call to a member. One that is larger than the worker accepts fails.
   *
   * @returns False, and nothing has happened, if the member is not connected.
   */
  send(call: Call, member: Member): boolean {
    const { session } = member;
    if (session === undefined) return false;
    call.prepare(session, this.#descriptor);
    let stream: number;
    try {
      stream = session.openStream(call, call.head, call.payload);
    } catch (error) {
      call.fail(error); // nothing was written
      return true;
    }
    call.sent(member, stream);
    this.#observer?.sent(call, member);
    return true;
  }
}
