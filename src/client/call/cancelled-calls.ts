/**
 * Watches cancelled calls that their worker has not given up yet. The worker is asked for a sign of life,
 * once for all cancellations of a turn: silence means that some body blocks its thread, an answer that
 * the body merely ignores its signal. Until it has answered, no further root calls are sent to it. Decides nothing else
 * about the worker itself.
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Member } from "../members/member.ts";
import type { MemberSupply } from "../membership/member-supply.ts";

/** A cancelled call, as it is watched. */
export interface CancelledCall {
  /** Its number on the connection; workers begin tasks in this order. */
  readonly stream: number;
  readonly phase: "queued" | "sent" | "running";
  /** Whether it is known to have the worker's thread, or will once it starts: it has not suspended. */
  readonly occupiesThread: boolean;
  /** Identity of the routine. */
  readonly routine: string;
  /** The probe that watches it, from its cancellation until it has ended on its worker. Written here only. */
  probe: CancellationProbe | undefined;
}

/** The calls that are not cancelled, as far as they may be the reason why a cancelled one goes on. */
export interface CallsUnderWay {
  /** The lowest stream on the member that has not been heard of; `Infinity` if there is none. */
  firstWaiting(member: Member): number;
  /** Whether one is known to have the member's thread. */
  occupies(member: Member): boolean;
}

/** Settings and counters of a watch. */
export interface CancelledCallsOptions {
  /** How long a worker may leave the question unanswered, in milliseconds. */
  readonly killGraceMs: number;
  readonly active: CallsUnderWay;
  /** Told which worker does not answer, and because of what, as often as it has not answered within the time. */
  readonly supply: Pick<MemberSupply, "unresponsive">;
  /** Counts the bodies that go on although their worker answers. */
  readonly counts: { abandoned: number };
}

/** Tells bodies that ignore their cancellation from workers that do not answer any more. */
export class CancelledCalls {
  readonly #options: CancelledCallsOptions;
  /** Probes of the current turn: their questions have not left yet. */
  readonly #fresh = new Map<Member, CancellationProbe>();

  constructor(options: CancelledCallsOptions) {
    this.#options = options;
  }

  /** Watches a call on a member until it has ended there, of which its probe is to be told. */
  add(call: CancelledCall, member: Member): void {
    const probe = this.#fresh.get(member);
    if (probe?.over === false) probe.add(call);
    else this.#ask(member).add(call);
  }

  #ask(member: Member): CancellationProbe {
    const probe = new CancellationProbe(member, this.#options);
    if (this.#fresh.size === 0) setImmediate(() => this.#fresh.clear());
    this.#fresh.set(member, probe);
    return probe;
  }
}

/** One question to one worker, and the calls it was asked for. */
export class CancellationProbe {
  readonly #member: Member;
  readonly #options: CancelledCallsOptions;
  readonly #calls = new Set<CancelledCall>();
  readonly #stopAsking: () => void;
  #answered = false;
  #doubting = true;
  #due: DeadlineEntry | undefined;
  #over = false;

  constructor(member: Member, options: CancelledCallsOptions) {
    this.#member = member;
    this.#options = options;
    member.doubts += 1;
    this.#stopAsking = member.ping(() => {
      this.#answered = true;
      this.#believe();
    });
    this.#arm();
  }

  /** Whether nobody needs the answer any more. */
  get over(): boolean {
    return this.#over;
  }

  add(call: CancelledCall): void {
    this.#calls.add(call);
    call.probe = this;
  }

  /** The call has ended on its worker. */
  ended(call: CancelledCall): void {
    call.probe = undefined;
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    if (this.#due !== undefined) deadlines.cancel(this.#due);
    this.#stop();
  }

  #arm(): void {
    this.#due = deadlines.after(this.#options.killGraceMs, () => {
      this.#due = undefined;
      // If it was this process that did not get round to it, the answer is waiting to be read.
      setImmediate(() => this.#judge());
    });
  }

  #stop(): void {
    this.#over = true;
    this.#stopAsking();
    this.#believe();
  }

  #believe(): void {
    if (!this.#doubting) return;
    this.#doubting = false;
    this.#member.believed();
  }

  #judge(): void {
    if (this.#over) return;
    const { active, supply, counts } = this.#options;
    const member = this.#member;
    if (this.#answered || !member.ready) {
      this.#stop();
      for (const call of this.#calls) call.probe = undefined;
      if (this.#answered) counts.abandoned += this.#calls.size;
      return;
    }
    const culprit = findCulprit(this.#calls, active.firstWaiting(member), active.occupies(member));
    // First, since it may end the calls. It need not end the worker: one that imports a module is not blocked yet.
    this.#arm();
    if (culprit === undefined) return;
    const certain = culprit.phase === "running" && culprit.occupiesThread;
    supply.unresponsive(member, { culprit: culprit.routine, certain });
  }
}

/**
 * Finds the cancelled call that blocks the worker. One that has not been heard of and has others before it is
 * waiting behind them, and one that has suspended is waiting behind whatever has the thread: neither is the
 * cause.
 */
function findCulprit(
  calls: ReadonlySet<CancelledCall>,
  firstWaiting: number,
  occupied: boolean,
): CancelledCall | undefined {
  let culprit: CancelledCall | undefined;
  for (const call of calls) {
    if (call.phase === "running" && call.occupiesThread) return call;
    if (occupied) continue;
    if (call.phase === "running") return call;
    if (call.stream < firstWaiting && (culprit === undefined || call.stream < culprit.stream)) culprit = call;
  }
  return culprit;
}
