/**
 * Chooses a member for a call, with the balancer, and has the call sent there. A root call goes only where there
 * is room, a nested one to any member that is ready: it never waits for a permit that one of its ancestors may
 * hold. Whoever asked decides about a call that cannot be sent.
 */
import type { Balancer, CandidateIndex } from "../../balancer/balancer.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import type { Definable } from "../../session/definitions.ts";
import type { Call } from "../call/call.ts";
import type { Eviction, Member } from "../members/member.ts";
import type { ReadyMembers } from "../members/ready-members.ts";
import { Delegation, type DelegationPlacement } from "./delegation.ts";

/** The members of a proxy, as calls see them. */
export interface Members {
  /** In order of admission. */
  readonly members: readonly Member[];
  readonly ready: ReadyMembers<Member>;
  /** Whether enough members have been ready for the first call to go out. */
  readonly quorumMet: boolean;
  get(uid: string): Member | undefined;
  /** Every worker seen, and why a call that found none was not sent to it. */
  whyNone(): readonly Refusal[];
  /** Ends a membership: the worker has said of itself that it breaks a rule of admission. */
  evict(member: Member, reason: Eviction, detail: string): void;
}

/**
 * The outcome of placing a call. `sent`: it has left, or failed because it cannot be sent. `wait`: nobody takes
 * it now. `none`: nobody takes it at all. A member: the call waits for room on this member in particular. A
 * delegation: the balancer takes its time, and the delegation will report the outcome.
 */
export type Verdict = "sent" | "wait" | "none" | Member | Delegation;

/** Told of every call that is sent. */
export interface SendObserver {
  sent(call: Call, member: Member): void;
}

/** Parts of a placement. */
export interface PlacementOptions {
  readonly balancer: Balancer;
  readonly members: Members;
  /** The descriptor that travels with each task, for calls nested in it; absent: none travels. */
  readonly descriptor: Definable | undefined;
  readonly observer: SendObserver;
}

/** Places calls on members. */
export class Placement implements DelegationPlacement {
  #options: PlacementOptions;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** Takes another policy, before the first call. */
  use(policy: Pick<PlacementOptions, "balancer" | "descriptor">): void {
    this.#options = { ...this.#options, ...policy };
  }

  /** Whether a member is there that takes root calls, now or when it has room. */
  get anyTaker(): boolean {
    const { members } = this.#options;
    return members.quorumMet && members.ready.view.some(({ draining }) => !draining);
  }

  /** Whether a member, or a ready one, is left that has not refused the call and may still take it. */
  untried(call: Call, among: "all" | "ready"): boolean {
    return this.#options.members.members.some(
      (member) =>
        call.refusals?.has(member.uid) !== true &&
        member.state.kind !== "gone" &&
        (call.nested || !member.draining) &&
        (member.ready ? this.#suits(call, member) : among === "all"),
    );
  }

  /** The members that the call may be sent to now. */
  open(call: Call): readonly Member[] {
    const { nested, refusals, roomUs, large, limit } = call;
    return this.#options.members.ready.view.filter(
      (member) =>
        refusals?.has(member.uid) !== true &&
        this.#suits(call, member) &&
        (nested || (member.hasRoom(roomUs, large) && limit?.hasRoom(member) !== false)),
    );
  }

  /**
   * Whether a ready member takes what the call brings. Where no thread is left to take it, the refusal of another worker
   * says why.
   */
  #suits(call: Call, member: Member): boolean {
    return !call.needsThread || member.inThread || !this.#options.members.ready.view.some(isThread);
  }

  /** Sends the call if some member can take it now. */
  place(call: Call): Verdict {
    const { members, balancer } = this.#options;
    const { ready } = members;
    if (call.only !== undefined) return this.#placeOn(call.only, call);
    if (ready.view.length === 0 || !members.quorumMet) return "wait";
    let { view, index } = ready;
    if (call.needsThread) {
      const threads = view.filter(isThread);
      if (threads.length > 0 && threads.length < view.length) {
        view = threads;
        index = undefined;
      }
    }
    if (call.refusals?.stand === true) {
      view = view.filter((member) => call.refusals?.has(member.uid) !== true);
      if (view.length === 0) return "wait";
      index = undefined;
    }
    const { limit } = call;
    if (limit !== undefined) {
      const open = view.filter((member) => limit.hasRoom(member));
      // A nested call is offered where it may be refused, and fails if all refuse it: it waits for nobody.
      if (open.length === 0 && !call.nested) return "wait";
      // A balancer that takes its time sees all: others may have room by then.
      if (open.length > 0 && balancer.pick !== undefined) view = open;
      index = undefined;
    }
    if (balancer.pick === undefined)
      return new Delegation(call, view, { balancer, members, placement: this });
    ready.placing(call);
    let member: Member | undefined;
    try {
      member = pickOf(balancer, call, view, index);
      if (member?.draining === true) {
        // A draining member gets no room any more: a balancer that insists on it chooses again among the others.
        // A nested call goes to a draining member rather than to none.
        const other = pickOf(
          balancer,
          call,
          view.filter(({ draining }) => !draining),
        );
        if (other !== undefined || !call.nested) member = other;
      }
    } catch (error) {
      call.fail(error);
      return "sent";
    }
    if (member === undefined) return "wait";
    if (!member.room) return member;
    return this.send(call, member) ? "sent" : "wait";
  }

  /**
   * Sends the call to a member that has room for it now, is none of those named and has not refused it; it waits for nobody.
   *
   * @returns A delegation if the balancer takes its time, and otherwise whether the call has left.
   */
  placeElsewhere(call: Call, than: ReadonlySet<string>): boolean | Delegation {
    const { members, balancer } = this.#options;
    const { estimate, large, limit, needsThread } = call;
    const view = members.ready.view.filter(
      (member) =>
        !than.has(member.uid) &&
        call.refusals?.has(member.uid) !== true &&
        member.hasRoom(estimate.us, large) &&
        limit?.hasRoom(member) !== false &&
        (!needsThread || member.inThread),
    );
    if (view.length === 0 || !members.quorumMet) return false;
    if (balancer.pick === undefined)
      return new Delegation(call, view, { balancer, members, placement: this });
    members.ready.placing(call);
    let member: Member | undefined;
    try {
      member = pickOf(balancer, call, view);
    } catch (error) {
      call.fail(error);
      return true;
    }
    return member !== undefined && this.send(call, member);
  }

  /** Sends the call to the only member that it may go to; it fails if that is there no more. */
  #placeOn(uid: string, call: Call): Verdict {
    const { members } = this.#options;
    const member = members.get(uid);
    if (member?.ready !== true || (member.draining && !call.nested)) {
      const why = `it takes no calls any more; the call to '${call.routine}' was not sent to it`;
      call.fail(
        new WorkerLostError(why, { uid }, { reason: member?.draining === true ? "stopped" : "lost" }),
      );
      return "sent";
    }
    members.ready.placing(call);
    if (!member.room) return member;
    return this.send(call, member) ? "sent" : "wait";
  }

  /**
   * Writes a call to the connection of a member: the definitions that its Task names, then the Task. From here on
   * the call belongs to the worker, until that refuses it or provably never got it. A call that is larger than the
   * worker accepts fails.
   *
   * @returns False, and nothing has happened, if the member is not connected.
   */
  send(call: Call, member: Member): boolean {
    const { session } = member;
    if (session === undefined) return false;
    let stream: number;
    try {
      call.prepare(session, this.#options.descriptor);
      stream = session.openStream(call, call.head, call.payload);
    } catch (error) {
      call.fail(error); // nothing was written
      return true;
    }
    call.sent(member, stream);
    this.#options.observer.sent(call, member);
    return true;
  }
}

/**
 * @returns The member that the balancer names; `undefined` if it names none.
 * @throws What it throws; `InvalidOptionError` if what it names is no candidate, for which the call would wait for ever.
 */
function pickOf(
  balancer: Balancer,
  call: Call,
  view: readonly Member[],
  index?: CandidateIndex,
): Member | undefined {
  if (view.length === 0) return undefined;
  const chosen = balancer.pick?.(call, view, index);
  // A read at −1 would leave the engine's fast path; a full pool takes this turn often.
  if (chosen === -1) return undefined;
  const member = chosen === undefined ? undefined : view[chosen];
  if (member !== undefined) return member;
  throw new InvalidOptionError("balancer.pick()", {
    value: chosen,
    expected: `the index of one of ${view.length} candidates, or -1 to wait until any has room`,
  });
}

function isThread({ inThread }: Member): boolean {
  return inThread;
}
