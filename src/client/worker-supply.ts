/**
 * Where the members of a proxy come from: its discovery, which is watched here, and the pool around it, if there
 * is one. It hands events on; `membership/membership.ts` decides who becomes a member.
 */

import type { Trust } from "../credentials/trust.ts";
import { checkedEvents } from "../discovery/checked-events.ts";
import type { Discovery, DiscoveryEvent } from "../discovery/discovery.ts";
import { isFixedList } from "../discovery/fixed-list.ts";
import { describeSource } from "../discovery/source-name.ts";
import type { LostWorker } from "../errors/worker-lost-error.ts";
import { asError, errorText } from "../internal/error-text.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";
import { warn } from "../internal/warn.ts";
import { discoveryEventChannel } from "../telemetry/channels.ts";
import type { DiscoveryEventMessage } from "../telemetry/discovery-message.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { Member } from "./members/member.ts";
import type { MemberSupply, Suspicion } from "./membership/member-supply.ts";
import type { Membership } from "./membership/membership.ts";
import { NOTICE_AFTER_MS, warnOfNothingFound } from "./nothing-found.ts";

/** Knowledge of the pool about workers that it has started, and events about them for the pool. */
export interface SupplySurroundings {
  readonly describeLoss?: (uid: string) => Promise<LostWorker | undefined>;
  readonly unresponsive?: (uid: string, suspicion: Suspicion) => void;
  /** A worker could not import the module of a routine. Tells whether another one takes its place. */
  readonly importFailed?: (worker: WorkerMetadata) => boolean;
  readonly lastStartError?: () => Error | undefined;
  /** Whether the pool has, or will have, a worker of its own. */
  readonly workerDue?: () => boolean;
  /** Whether nothing is said while the discovery finds nobody, since the errors of calls say it. Default false. */
  readonly silent?: boolean;
  /** With which a discovery asks workers who they are. */
  readonly trust?: Trust | undefined;
}

/** Supplies a membership with workers. */
export class WorkerSupply implements MemberSupply {
  readonly #membership: Membership;
  #discovery: Discovery | undefined;
  readonly #surroundings: SupplySurroundings;
  readonly #queue: DeadlineQueue;
  readonly #abort = new AbortController();
  /** When it is time to say that nobody has been found. */
  #notice: DeadlineEntry | undefined;
  #watching = false;
  #watch: Promise<void> | undefined;
  #discoveryError: Error | undefined;
  /** The stream of events has ended: nobody will be found any more. */
  #discoveryOver = false;
  /** It has been warned of. */
  #recheckFailed = false;

  /**
   * @param discovery Absent: the pool's own workers are all there are.
   * @param queue Where time comes from; the shared one unless a test gives another.
   */
  constructor(
    membership: Membership,
    discovery: Discovery | undefined,
    surroundings: SupplySurroundings = {},
    queue: DeadlineQueue = deadlines,
  ) {
    this.#queue = queue;
    this.#membership = membership;
    this.#discovery = discovery;
    this.#surroundings = surroundings;
  }

  get memberDue(): boolean {
    if (this.#discovery !== undefined && !this.#discoveryOver) return true;
    if (this.#surroundings.workerDue?.() === true) return true;
    // No more members than those that are connecting, or will connect again, can become ready; there must be
    // enough of them.
    return this.#membership.enough;
  }

  get replacementDue(): boolean {
    if (this.#surroundings.workerDue?.() === true) return true;
    if (this.#discovery === undefined || this.#discoveryOver) return this.#membership.enough;
    return !isFixedList(this.#discovery) || this.#membership.refusals().length > 0;
  }

  get lastStartError(): Error | undefined {
    return this.#surroundings.lastStartError?.() ?? this.#discoveryError;
  }

  async describeLoss({ uid, metadata }: Member): Promise<LostWorker> {
    const { pid, address } = metadata;
    return (await this.#surroundings.describeLoss?.(uid)) ?? { uid, pid, address };
  }

  unresponsive(member: Member, suspicion: Suspicion): void {
    this.#surroundings.unresponsive?.(member.uid, suspicion);
  }

  importFailed(member: Member): boolean {
    return this.#surroundings.importFailed?.(member.metadata) ?? false;
  }

  /** A worker that was found cannot be reached: its discovery may look again. */
  unreachable({ metadata }: Member): void {
    // The discovery may be user code, and `recheck` asynchronous; a failure is reported once, and the watch goes on.
    void (async () => this.#discovery?.recheck?.(metadata))().catch((error: unknown) => {
      if (this.#recheckFailed) return;
      this.#recheckFailed = true;
      warn("MERINO_DISCOVERY", `A discovery has failed to look again: ${errorText(error)}`);
    });
  }

  /** Takes the discovery to watch, before it is watched. */
  use(discovery: Discovery): void {
    this.#discovery = discovery;
  }

  /** Whether it has been started. */
  get watching(): boolean {
    return this.#watching;
  }

  /** Starts watching the discovery, if there is one and that has not been done. */
  watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const discovery = this.#discovery;
    if (discovery === undefined) return;
    if (this.#surroundings.silent !== true) {
      this.#notice = this.#queue.after(NOTICE_AFTER_MS, () => this.#judgeSearch(discovery));
    }
    this.#watch = this.#observe(discovery);
  }

  /** Stops watching. */
  close(): void {
    this.#endNotice();
    this.#abort.abort();
  }

  /** Resolves when the discovery is not watched any more; at once, if it never was. */
  async closed(): Promise<void> {
    await this.#watch;
  }

  #judgeSearch(discovery: Discovery): void {
    const { size, quorum, enough, quorumMet } = this.#membership;
    if (enough || this.#surroundings.workerDue?.() === true) return;
    const refusals = this.#membership.refusals();
    // Found, called, and gone again, as at the end of a program: that is no search without success.
    if (quorumMet && refusals.length === 0) return;
    warnOfNothingFound(discovery, { size, quorum, refusals });
  }

  #endNotice(): void {
    if (this.#notice !== undefined) this.#queue.cancel(this.#notice);
  }

  async #observe(discovery: Discovery): Promise<void> {
    try {
      // Records given by code are believed about sockets of this host; discoveries that read a network check
      // this themselves.
      const events = checkedEvents(discovery, {
        signal: this.#abort.signal,
        trust: this.#surroundings.trust,
        unix: true,
      });
      for await (const event of events) {
        if (discoveryEventChannel.hasSubscribers) tellOfEvent(event, discovery);
        this.#membership.observe(event);
      }
    } catch (error) {
      // The present members go on serving; the failure is reported when a call finds none.
      this.#discoveryError = asError(error);
      warn("MERINO_DISCOVERY_FAILED", `The discovery of a pool has failed: ${this.#discoveryError.message}`);
    } finally {
      this.#discoveryOver = true;
      this.#endNotice(); // calls that find nobody fail now, and say so
      this.#membership.ready.waiter?.drain(); // calls that wait for a member to be found have to fail
    }
  }
}

const EVENTS = { "worker-added": "found", "worker-updated": "changed", "worker-dropped": "gone" } as const;

function tellOfEvent({ type, worker }: DiscoveryEvent, { descriptor }: Discovery): void {
  const { uid, address } = worker;
  const message: DiscoveryEventMessage = {
    type: EVENTS[type],
    source: describeSource(descriptor),
    uid,
    address,
  };
  discoveryEventChannel.publish(message);
}
