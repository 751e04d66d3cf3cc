/**
 * Watches cancelled calls that their worker has not given up yet. The worker is asked for a sign of life,
 * once for all cancellations of a turn: silence means that some body blocks its thread, an answer that
 * the body merely ignores its signal. Decides nothing about the worker itself.
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Member } from "./member.ts";

/** A cancelled call, as it is watched. */
export interface CancelledCall {
  /** Its number on the connection; workers begin calls in this order. */
  readonly stream: number;
  readonly phase: "queued" | "sent" | "running";
  /** Whether it is known to hold the worker's thread, or will once it starts: it has not suspended. */
  readonly reserved: boolean;
  /** Identity of the routine. */
  readonly routine: string;
  /** What it is watched by; see {@link CancellationWatch.ended}. */
  probe: CancellationProbe | undefined;
}

/** One question to one worker, and the calls it was asked for. */
export interface CancellationProbe {
  readonly member: Member;
  readonly calls: Set<CancelledCall>;
  answered: boolean;
  stop: () => void;
  due: DeadlineEntry | undefined;
}

/** What a watch needs of the dispatcher around it. */
export interface CancellationWatchOptions {
  /** How long a worker may leave the question unanswered, in milliseconds. */
  readonly killGraceMs: number;
  /** The lowest stream on the member whose call is not cancelled and has not been heard of; `Infinity` if there is none. */
  readonly firstWaiting: (member: Member) => number;
  /** Whether a call that is not cancelled is known to hold the member's thread. */
  readonly occupied: (member: Member) => boolean;
  /** So many bodies go on although their worker answers. */
  readonly abandoned: (calls: number) => void;
  readonly unresponsive: (member: Member, culprit: string) => void;
}

/** Tells bodies that ignore their cancellation from workers that do not answer any more. */
export class CancellationWatch {
  readonly #options: CancellationWatchOptions;
  /** Probes of the current turn: their questions have not left yet. */
  readonly #fresh = new Map<Member, CancellationProbe>();

  constructor(options: CancellationWatchOptions) {
    this.#options = options;
  }

  /** Watches a call on a member until it has ended there. */
  add(call: CancelledCall, member: Member): void {
    const probe = this.#fresh.get(member) ?? this.#ask(member);
    probe.calls.add(call);
    call.probe = probe;
  }

  /** The call is over on its worker. */
  ended(call: CancelledCall): void {
    const { probe } = call;
    if (probe === undefined) return;
    call.probe = undefined;
    probe.calls.delete(call);
    if (probe.calls.size > 0) return;
    this.#fresh.delete(probe.member);
    if (probe.due !== undefined) deadlines.cancel(probe.due);
    probe.stop();
  }

  #ask(member: Member): CancellationProbe {
    const probe: CancellationProbe = {
      member,
      calls: new Set(),
      answered: false,
      stop: () => {},
      due: undefined,
    };
    probe.stop = member.ping(() => {
      probe.answered = true;
    });
    probe.due = deadlines.after(this.#options.killGraceMs, () => {
      probe.due = undefined;
      // If it was this process that did not get round to it, the answer is waiting to be read.
      setImmediate(() => this.#judge(probe));
    });
    if (this.#fresh.size === 0) setImmediate(() => this.#fresh.clear());
    this.#fresh.set(member, probe);
    return probe;
  }

  #judge(probe: CancellationProbe): void {
    const { member, calls } = probe;
    probe.stop();
    for (const call of calls) call.probe = undefined;
    if (calls.size === 0) return;
    if (probe.answered) {
      this.#options.abandoned(calls.size);
      return;
    }
    if (!member.ready) return;
    const culprit = findCulprit(calls, this.#options.firstWaiting(member), this.#options.occupied(member));
    if (culprit !== undefined) this.#options.unresponsive(member, culprit.routine);
  }
}

/**
 * Finds the cancelled call that blocks the worker. One that has not been heard of and has others before it
 * is waiting behind them, and one that has suspended is waiting behind whatever holds the thread: both are
 * blameless.
 */
function findCulprit(
  calls: ReadonlySet<CancelledCall>,
  firstWaiting: number,
  occupied: boolean,
): CancelledCall | undefined {
  let culprit: CancelledCall | undefined;
  for (const call of calls) {
    if (call.phase === "running" && call.reserved) return call;
    if (occupied) continue;
    if (call.phase === "running") return call;
    if (call.stream < firstWaiting && (culprit === undefined || call.stream < culprit.stream)) culprit = call;
  }
  return culprit;
}
