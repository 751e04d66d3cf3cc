/**
 * Chooses a member for a call, with the balancer, and sends the call there. A root call goes only where there
 * is room, a nested one to any member that is ready: it is never parked behind a gate that one of its
 * ancestors may hold. What becomes of a call that cannot be placed is not decided here.
 */
import type { Balancer } from "../../balancer/balancer.ts";
import type { Definable } from "../../session/outbound-definitions.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { ReadyMembers } from "../members/ready-members.ts";
import { type DelegationOptions, delegateCall } from "./delegation.ts";

/** The members of a proxy, as calls see them. */
export interface Members {
  /** In order of admission. */
  readonly members: readonly Member[];
  readonly ready: ReadyMembers<Member>;
  get(uid: string): Member | undefined;
}

/** What a placement chooses from, and what it does with calls that find nobody after all. */
export interface PlacementOptions {
  readonly balancer: Balancer;
  readonly members: Members;
  /** Whether enough members have been admitted for the first call to go out. */
  readonly quorumMet: () => boolean;
  /** The descriptor that travels with each task, for calls nested in it; absent: none does. */
  readonly descriptor: () => Definable | undefined;
  /** Lets the call wait until members have changed or have room. */
  readonly wait: (call: Call) => void;
  /** Lets the call wait until this member has room, or has gone. */
  readonly waitFor: (call: Call, member: Member) => void;
  /** The call has been written to its member. */
  readonly sent: (call: Call, member: Member) => void;
  /** Fails a call that nobody takes. */
  readonly giveUp: (call: Call) => void;
}

/** Places calls on members. */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #delegation: DelegationOptions;

  constructor(options: PlacementOptions) {
    this.#options = options;
    const { balancer, members, wait, giveUp } = options;
    this.#delegation = {
      balancer,
      member: (uid) => members.get(uid),
      send: (call, member) => this.#send(call, member),
      wait,
      giveUp,
    };
  }

  /** Whether a member is there that takes root calls, now or when it has room. */
  get anyTaker(): boolean {
    return this.#options.quorumMet() && this.#options.members.ready.view.some(({ draining }) => !draining);
  }

  /** Whether a member, or a ready one, is left that has not refused the call and may still take it. */
  untried(call: Call, among: "all" | "ready"): boolean {
    return this.#options.members.members.some(
      (member) =>
        call.refusals?.has(member.uid) !== true &&
        member.state.kind !== "gone" &&
        (call.nested || !member.draining) &&
        (among === "all" || member.ready),
    );
  }

  /** Sends the call if some member can take it now, or has it wait for one in particular. False: it must wait. */
  place(call: Call): boolean {
    const { members, balancer, quorumMet, waitFor } = this.#options;
    const { ready } = members;
    if (ready.view.length === 0 || !quorumMet()) return false;
    let { view, index } = ready;
    if (call.refusals?.stand === true) {
      view = view.filter((member) => call.refusals?.has(member.uid) !== true);
      if (view.length === 0) return false;
      index = undefined;
    }
    if (balancer.pick === undefined) {
      delegateCall(call, view, this.#delegation);
      return true;
    }
    ready.placing(call);
    const chosen = balancer.pick(call, view, index);
    // A read at −1 would leave the engine's fast path; a full pool takes this turn often.
    let member = chosen === -1 ? undefined : view[chosen];
    if (member?.draining === true) {
      // It will have no room any more: whoever insists on it chooses among the others. A nested call goes to one
      // that takes its leave rather than nowhere.
      const staying = view.filter(({ draining }) => !draining);
      const other = staying[balancer.pick(call, staying)];
      if (other !== undefined || !call.nested) member = other;
    }
    if (member === undefined) return false;
    if (member.room) this.#send(call, member);
    else waitFor(call, member);
    return true;
  }

  #send(call: Call, member: Member): void {
    const { session } = member;
    if (session === undefined) {
      this.#options.wait(call);
      return;
    }
    call.prepare(session, this.#options.descriptor());
    let stream: number;
    try {
      stream = session.openStream(call, call.head, call.payload);
    } catch (error) {
      call.fail(error); // larger than the worker accepts: nothing was written
      return;
    }
    call.sent(member, stream);
    this.#options.sent(call, member);
  }
}
