/**
 * Chooses a member for a call, with the balancer, and has the call sent there. A root call goes only where there
 * is room, a nested one to any member that is ready: it never waits for a permit that one of its ancestors may
 * hold. Whoever asked decides about a call that cannot be sent.
 */
import type { Balancer, CandidateIndex } from "../../balancer/balancer.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import { type Amounts, shownAmounts } from "../../internal/amounts.ts";
import type { Definable } from "../../session/definitions.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { Call } from "../call/call.ts";
import { refusalError, refusalForHolder, reservationLost } from "../call/refusal-record.ts";
import type { Eviction, Member } from "../members/member.ts";
import type { MemberResources } from "../members/member-resources.ts";
import type { ReadyMembers } from "../members/ready-members.ts";
import { ResourceClaims } from "../members/resource-claims.ts";
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
  /** The members that are kept for calls that wait for resources. */
  readonly claims: ResourceClaims = new ResourceClaims();
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
    const refusal = call.needs === undefined ? undefined : refusalForHolder(call);
    if (refusal !== undefined) {
      call.fail(refusal);
      return "sent";
    }
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
    if (call.needs !== undefined) {
      const open = this.#withResources(call, view);
      if (open === undefined) return "wait";
      view = open;
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
    const { estimate, large, limit, needs, needsThread } = call;
    const view = members.ready.view.filter(
      (member) =>
        !than.has(member.uid) &&
        call.refusals?.has(member.uid) !== true &&
        member.hasRoom(estimate.us, large) &&
        limit?.hasRoom(member) !== false &&
        (needs === undefined || this.#hasFree(member, needs)) &&
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

  /** The members that could take a call if they had enough of resources free. */
  fitting(call: Call): readonly Member[] {
    const { needs, refusals, limit, only } = call;
    if (needs === undefined) return [];
    return this.#options.members.ready.view.filter(
      (member) =>
        (only === undefined || only === member.uid) &&
        (!member.draining || call.nested) &&
        refusals?.has(member.uid) !== true &&
        (limit?.hasRoom(member) !== false || call.nested) &&
        this.#suits(call, member) &&
        member.fits(needs),
    );
  }

  /**
   * Those of the members that have free what a call needs, as far as is known. If none ever has so much, each of them has
   * refused it: they are not asked.
   *
   * @returns `undefined` if it has to wait.
   */
  #withResources(call: Call, view: readonly Member[]): readonly Member[] | undefined {
    const needs = call.needs as Amounts; // whoever asks has looked
    const fitting = view.filter((member) => member.fits(needs));
    if (fitting.length === 0) {
      for (const member of view) call.noteRefusal(lackOf(member, call.routine, needs), { uid: member.uid });
      // The program's own workers are alike: where there is one, the next has no more.
      if (call.refusals !== undefined && !view.some(({ own }) => own)) call.refusals.awaitsReplacement = true;
      return undefined;
    }
    const open = fitting.filter((member) => this.#hasFree(member, needs));
    if (open.length > 0) return open;
    // A call of a task that holds some is offered where it may be refused: it waits for nobody.
    return call.waitsForResources ? undefined : fitting;
  }

  /** Whether the member has so much free, as far as is known, and keeps it for nobody. */
  #hasFree(member: Member, needs: Amounts): boolean {
    return member.resources.hasRoom(needs) && !this.claims.keeps(member, needs);
  }

  /** Sends the call to the only member that it may go to; it fails if that is there no more. */
  #placeOn(uid: string, call: Call): Verdict {
    const { members } = this.#options;
    const member = members.get(uid);
    if (member?.ready !== true || (member.draining && !call.nested)) {
      if (call.within !== undefined) {
        call.fail(reservationLost(call, uid, call.within.end ?? "lost"));
        return "sent";
      }
      const why = `it takes no calls any more; the call to '${call.routine}' was not sent to it`;
      call.fail(
        new WorkerLostError(why, { uid }, { reason: member?.draining === true ? "stopped" : "lost" }),
      );
      return "sent";
    }
    const { needs, within } = call;
    if (within?.end !== undefined) {
      call.fail(reservationLost(call, uid, within.end));
      return "sent";
    }
    if (needs !== undefined) {
      if (within === undefined ? !member.fits(needs) : !within.resources.fits(needs)) {
        call.fail(refusalError(call.routine, lackOf(member, call.routine, needs, within?.resources)));
        return "sent";
      }
      if (!(within?.resources ?? member.resources).hasRoom(needs) && call.waitsForResources) return "wait";
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

/** The refusal of a call that a member never has the resources for. @param resources Default: those of the member. */
function lackOf(
  { resources, session }: Member,
  routine: string,
  needs: Amounts,
  { total }: MemberResources = resources,
): Nack {
  const knows = session === undefined || session.connection.takesResources;
  const has = total.size === 0 ? "no resources" : shownAmounts(total);
  const there = resources.total === total ? "the worker has" : "the reservation has";
  const why = knows ? `${there} ${has}` : "the worker is of a version that counts none";
  return createNack(NackCode.LACKS_RESOURCES, `'${routine}' needs ${shownAmounts(needs)}, and ${why}`);
}
