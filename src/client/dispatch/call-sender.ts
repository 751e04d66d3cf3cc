/**
 * Writes a call to the connection of a member: the definitions that its Task names, then the Task. It chooses
 * no member; from here on the call belongs to the worker until that refuses it or provably never got it.
 */
import type { Definable } from "../../session/outbound-definitions.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { CallReporter } from "./call-reporter.ts";

/** What is sent and told with every call. */
export interface CallSenderOptions {
  /** Travels with each task, for calls nested in it; absent: none does. */
  readonly descriptor: Definable | undefined;
  /** Absent when nobody can listen. */
  readonly reporter: CallReporter | undefined;
}

/** Sends calls. */
export class CallSender {
  readonly #descriptor: Definable | undefined;
  readonly #reporter: CallReporter | undefined;

  constructor({ descriptor, reporter }: CallSenderOptions) {
    this.#descriptor = descriptor;
    this.#reporter = reporter;
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
    this.#reporter?.sent(call, member);
    return true;
  }
}
