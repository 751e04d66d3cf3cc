/**
 * A worker as a proxy sees it: its record, its connection, and our calls on it. It connects by itself,
 * in the background, and again with growing pauses when the connection is lost.
 */
import type { Candidate } from "../../balancer/balancer.ts";
import { HandshakeError } from "../../errors/handshake-error.ts";
import type { Amounts } from "../../internal/amounts.ts";
import { backoffDelayMs } from "../../internal/time/backoff.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { ClientSession } from "../../session/client-session.ts";
import type { CallWorker } from "../../telemetry/call-message.ts";
import { DEFAULT_CHANNEL_OPTIONS } from "../../wire/channel-options.ts";
import type { Hello } from "../../wire/frames.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import {
  type ConnectOptions,
  MemberConnection,
  type MemberConnectionEvents,
} from "../connection/member-connection.ts";
import { RECONNECT } from "../connection/reconnect-policy.ts";
import { classifyConnectionFailure, FAILURE_POLICY } from "./failure-policy.ts";
import { MemberResources } from "./member-resources.ts";
import type { ReadyMember, ReadyMembers } from "./ready-members.ts";
import { AHEAD_US, MAX_BETWEEN_CHUNKS, MAX_TRANSFERS } from "./work-ahead.ts";

/** The member's state; each state carries the data that belongs to it. */
export type MemberState =
  | {
      readonly kind: "connecting";
      readonly attempt: number;
      /** Why the attempt before has failed; absent for the first. */
      readonly error: Error | undefined;
    }
  | { readonly kind: "ready"; readonly session: ClientSession }
  | {
      readonly kind: "backing-off";
      readonly attempt: number;
      readonly error: Error;
      readonly retry: DeadlineEntry;
    }
  | { readonly kind: "gone" };

/** How it went with a worker that has never greeted. */
export interface Unreached {
  /** Attempts that have failed, from 1. */
  readonly attempt: number;
  /** How the last of them failed. */
  readonly error: Error;
  /** When it is to be tried again, in milliseconds on the clock of `deadlines`. */
  readonly dueMs: number;
}

/** Events of a member, for the membership it belongs to. News of room goes to `MemberPlace.ready` instead. */
export interface MemberEvents {
  ready(member: Member): void;
  /** The connection ended or could not be made; the member tries again unless told to go. */
  unreachable(member: Member, error: Error): void;
  /** It breaks a rule that no retry mends: it is not to be a member, for now. */
  inadmissible(member: Member, reason: Eviction, error: Error): void;
}

/** Why a member is evicted: which rule of admission it breaks, or `evicted`: it breaks the protocol. */
export type Eviction = "version" | "codec" | "evicted";

/** The list and pool that a member belongs to. */
export interface MemberPlace {
  /** Spawned by the pool that the member belongs to. */
  readonly own: boolean;
  /** The list that it is on while it is ready. */
  readonly ready: ReadyMembers<Member>;
  readonly events: MemberEvents;
  /** It has had a place before and was not reached: it goes on from there. */
  readonly unreached?: Unreached | undefined;
}

/** One admitted worker. */
export class Member implements Candidate, ReadyMember {
  readonly uid: string;
  metadata: WorkerMetadata;
  readonly own: boolean;
  // Where it stands among the ready ones: written by ReadyMembers only.
  place = -1;
  level = 0;

  // The places and permits that our calls hold on it: written by Occupancy only.
  /** Streams of ours without a terminal frame. */
  inFlight = 0;
  /** Root calls that hold a permit of the worker. */
  permits = 0;
  /** Work sent and not known to have yielded the worker's thread. */
  aheadUs = 0;
  aheadCount = 0;
  /** Work whose arguments are still being sent: it delays no call but those that are sent in the same way. */
  transferUs = 0;
  transferCount = 0;
  /** Streams of ours that have ended. */
  completed = 0;
  /** What it has of resources, and what our calls hold of them: counted by Occupancy only. */
  readonly resources: MemberResources = new MemberResources();
  /** Questions for a sign of life, after cancelled calls, that it has not answered: written by CancellationProbe only. */
  doubts = 0;

  /** What was last told of it, and of which record and Hello: written by CallRecord only. */
  recorded:
    | {
        readonly metadata: WorkerMetadata;
        readonly peer: Hello | undefined;
        readonly worker: CallWorker;
      }
    | undefined;

  /** It has announced that it takes no new root calls. */
  draining = false;
  /** It has said so itself, on this connection: it ends as it was told to, or is replaced. */
  leaving = false;
  /** Version and capabilities from its Hello. */
  peer: Hello | undefined;
  #state: MemberState = { kind: "connecting", attempt: 1, error: undefined };
  #retired = false;
  readonly #ready: ReadyMembers<Member>;
  readonly #options: ConnectOptions;
  readonly #events: MemberEvents;
  #connection: MemberConnection | undefined;
  readonly #connectionEvents: MemberConnectionEvents = {
    greeted: (session, hello) => {
      this.peer = hello;
      this.#enter({ kind: "ready", session });
      this.#events.ready(this);
    },
    draining: (asked) => {
      if (asked) this.leaving = true;
      this.startDraining();
      this.#ready.waiter?.drain(this);
    },
    progress: () => {
      this.eased(); // the connection may take more again
      this.#ready.waiter?.drain(this);
      if (this.#retired && this.inFlight === 0) this.leave();
    },
    unreachable: (error) => this.#backOff(error),
    closed: (reason) => this.#closed(reason),
  };

  constructor(metadata: WorkerMetadata, place: MemberPlace, options: ConnectOptions) {
    this.uid = metadata.uid;
    this.metadata = metadata;
    this.resources.read(metadata.resources);
    this.own = place.own;
    this.#ready = place.ready;
    this.#events = place.events;
    this.#options = options;
    if (place.unreached === undefined) this.#connect(1);
    else this.#await(place.unreached);
  }

  get state(): MemberState {
    return this.#state;
  }

  get session(): ClientSession | undefined {
    return this.#state.kind === "ready" ? this.#state.session : undefined;
  }

  /** For the balancer: whether the call being placed may be sent to this member. */
  get room(): boolean {
    return this.#ready.hasRoom(this);
  }

  /** Whether it ever has so much of resources, and counts them. */
  fits(needs: Amounts): boolean {
    return this.resources.fits(needs) && this.session?.connection.takesResources === true;
  }

  /** Whether it is in a thread of this process, and takes objects that pass between threads. */
  get inThread(): boolean {
    return this.session?.connection.carrier.enclose !== undefined;
  }

  get ready(): boolean {
    return this.#state.kind === "ready";
  }

  /** How it went so far, if it has been tried and has never greeted. */
  get unreached(): Unreached | undefined {
    const state = this.#state;
    if (this.peer !== undefined) return undefined;
    if (state.kind === "backing-off") {
      const { attempt, error, retry } = state;
      return { attempt, error, dueMs: retry.atMs };
    }
    if (state.kind !== "connecting" || state.error === undefined) return undefined;
    return { attempt: state.attempt - 1, error: state.error, dueMs: deadlines.now() };
  }

  /** Whether the first attempt to reach it is under way. */
  get untried(): boolean {
    const state = this.#state;
    return state.kind === "connecting" && state.error === undefined && this.peer === undefined;
  }

  /** Its calls in flight have become one more, or one fewer. */
  moved(): void {
    this.#ready.moved(this);
  }

  /** It may have room that it had not. */
  eased(): void {
    this.#ready.eased(this);
  }

  hasRoom(expectedUs: number | undefined, large = false): boolean {
    const { state } = this;
    // What is sent to a worker that may be blocked is lost with it, and may have run.
    if (state.kind !== "ready" || this.draining || this.doubts > 0) return false;
    // A transfer keeps the connection full. Small calls go between its chunks; a few at a time, since they queue there.
    if (state.session.connection.congested) {
      if (large || this.transferCount === 0 || this.aheadCount >= MAX_BETWEEN_CHUNKS) return false;
    }
    if (
      this.permits >= (this.metadata.options.maxConcurrentCalls ?? DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls)
    )
      return false;
    if (large && this.transferCount > 0) {
      const aheadUs = this.aheadUs + this.transferUs;
      return (
        this.transferCount < MAX_TRANSFERS && expectedUs !== undefined && aheadUs + expectedUs <= AHEAD_US
      );
    }
    return this.aheadCount === 0 || (expectedUs !== undefined && this.aheadUs + expectedUs <= AHEAD_US);
  }

  /**
   * Asks the worker's main thread for a sign of life.
   *
   * @param onPong Called when it comes; never, if it does not.
   * @returns Stops waiting.
   */
  ping(onPong: () => void): () => void {
    return this.#connection?.ping(onPong) ?? (() => {});
  }

  /** Takes a new record, and does nothing about it. */
  takeRecord(metadata: WorkerMetadata): void {
    this.metadata = metadata;
    this.resources.read(metadata.resources);
  }

  /** Takes a new record. The connection is kept unless the address has changed. */
  update(metadata: WorkerMetadata): void {
    const moved = metadata.address !== this.metadata.address || metadata.socket !== this.metadata.socket;
    this.takeRecord(metadata);
    this.eased(); // it may take more at a time now
    if (!moved) return;
    this.#leave(new HandshakeError(`Worker '${this.uid}' moved to '${metadata.address}'`));
    this.#connect(1);
  }

  /** It has given a sign of life, or nobody needs one any more. Calls that wait are sent at the end of the batch. */
  believed(): void {
    this.doubts -= 1;
    this.eased();
  }

  /** It takes no new root calls from now on. */
  startDraining(): void {
    this.draining = true;
  }

  /** Ends the membership once its calls in flight have ended there. It gets no new ones. */
  retire(): void {
    this.#retired = true;
    this.startDraining();
    if (this.state.kind !== "ready" || this.inFlight === 0) this.leave();
  }

  /** Ends the membership. Calls in flight are told by their streams. */
  leave(error?: Error): void {
    this.#leave(error);
    this.#enter({ kind: "gone" });
  }

  #enter(state: MemberState): void {
    this.#state = state;
    if (state.kind === "ready") this.#ready.join(this);
    else this.#ready.leave(this);
  }

  #leave(error: Error | undefined): void {
    const { state } = this;
    this.#enter({ kind: "gone" });
    if (state.kind === "backing-off") deadlines.cancel(state.retry);
    // A connection that does not serve calls yet needs no reason.
    this.#connection?.end(state.kind === "ready" ? error : undefined);
  }

  #connect(attempt: number, error?: Error): void {
    this.#enter({ kind: "connecting", attempt, error });
    this.draining = false;
    this.leaving = false;
    const { metadata, own } = this;
    this.#connection = new MemberConnection(metadata, { ...this.#options, own }, this.#connectionEvents);
  }

  #closed(reason: Error): void {
    const { member } = FAILURE_POLICY[classifyConnectionFailure(reason)];
    if (this.#retired) this.leave();
    else if (member === "back-off" || member === "keep" || member === "strike") this.#backOff(reason);
    else {
      this.#enter({ kind: "gone" });
      this.#events.inadmissible(this, member, reason);
    }
  }

  #backOff(error: Error): void {
    const attempt = this.#state.kind === "connecting" ? this.#state.attempt : 0;
    const delayMs = backoffDelayMs(Math.max(1, attempt), RECONNECT, Math.random);
    this.#await({ attempt, error, dueMs: deadlines.now() + delayMs });
    this.#events.unreachable(this, error);
  }

  #await({ attempt, error, dueMs }: Unreached): void {
    const retry = deadlines.add(dueMs, () => this.#connect(attempt + 1, error));
    this.#enter({ kind: "backing-off", attempt, error, retry });
  }
}
