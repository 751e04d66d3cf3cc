/** A worker of a schedule, as a member: no connection and no process. The schedule says what it answers, and when. */
import type { Call } from "../../../src/client/call/call.ts";
import { Member, type MemberState } from "../../../src/client/members/member.ts";
import type { ReadyMembers } from "../../../src/client/members/ready-members.ts";
import type { ClientSession } from "../../../src/session/client-session.ts";

/** One call on one worker. */
export interface ModelStream {
  readonly number: number;
  readonly call: Call;
  readonly worker: ModelWorker;
  started: boolean;
  parked: boolean;
  cancelled: boolean;
  /** Ends the transfer of its arguments, while that is under way. */
  transferred: (() => void) | undefined;
}

/** Told what a worker gets. */
export interface ModelWorkerEvents {
  opened(stream: ModelStream): void;
  /** Whether the arguments of a large call take a while. */
  inChunks(): boolean;
}

/** What a worker is like. */
export interface ModelWorkerKind {
  readonly concurrency: number;
  readonly inThread: boolean;
}

/** The fields of a member that the dispatcher reads, and its own rules for room. */
export class ModelWorker {
  readonly uid: string;
  readonly own = true;
  place = -1;
  level = 0;
  inFlight = 0;
  permits = 0;
  aheadUs = 0;
  aheadCount = 0;
  transferUs = 0;
  transferCount = 0;
  completed = 0;
  doubts = 0;
  recorded: undefined;
  draining = false;
  leaving = false;
  retired = false;
  peer: object | undefined;
  metadata: object;
  state: MemberState | { readonly kind: "connecting" } = { kind: "connecting" };
  readonly streams = new Map<number, ModelStream>();
  readonly pongs = new Set<() => void>();
  kind: ModelWorkerKind;
  readonly #ready: ReadyMembers<Member>;
  readonly #events: ModelWorkerEvents;
  #last = 0;

  constructor(uid: string, kind: ModelWorkerKind, ready: ReadyMembers<Member>, events: ModelWorkerEvents) {
    this.uid = uid;
    this.kind = kind;
    this.metadata = { uid, options: { maxConcurrentCalls: kind.concurrency } };
    this.#ready = ready;
    this.#events = events;
  }

  /** It looks like one to whoever reads the fields above. */
  get member(): Member {
    return this as unknown as Member;
  }

  get session(): ClientSession | undefined {
    return this.state.kind === "ready" ? (this.state as { session: ClientSession }).session : undefined;
  }

  get ready(): boolean {
    return this.state.kind === "ready";
  }

  get inThread(): boolean {
    return this.kind.inThread;
  }

  get room(): boolean {
    return this.#ready.hasRoom(this.member);
  }

  hasRoom(expectedUs: number | undefined, large = false): boolean {
    return Member.prototype.hasRoom.call(this, expectedUs, large);
  }

  moved(): void {
    this.#ready.moved(this.member);
  }

  eased(): void {
    this.#ready.eased(this.member);
  }

  believed(): void {
    Member.prototype.believed.call(this.member);
  }

  startDraining(): void {
    this.draining = true;
  }

  ping(onPong: () => void): () => void {
    this.pongs.add(onPong);
    return () => this.pongs.delete(onPong);
  }

  /** Its connection serves calls from now on. */
  connect(): void {
    this.draining = false;
    this.leaving = false;
    this.peer = {};
    const session = {
      open: true,
      connection: {
        congested: false,
        takesKeys: false,
        takesTainted: true,
        hello: { uid: "model", session: 1 },
        carrier: { local: true, enclose: this.kind.inThread ? () => {} : undefined },
      },
      routineRef: () => 1,
      proxyRef: () => 0,
      openStream: (call: Call) => this.#open(call),
      whenTransferred: (number: number, done: () => void) => this.#whenTransferred(number, done),
      cancel: (number: number) => {
        const stream = this.streams.get(number);
        if (stream !== undefined) stream.cancelled = true;
      },
      next() {},
    };
    // What a call and a member use of one.
    this.state = { kind: "ready", session: session as unknown as ClientSession };
    this.#ready.join(this.member);
  }

  /** Its connection serves no calls any more. Those on it are told by `lose`. */
  disconnect(kind: "gone" | "connecting"): void {
    this.state = { kind } as MemberState;
    this.#ready.leave(this.member);
  }

  /** A batch has been read, as a member learns of it. */
  progress(): void {
    this.eased();
    this.#ready.waiter?.drain(this.member);
  }

  get congested(): boolean {
    return this.session?.connection.congested === true;
  }

  set congested(value: boolean) {
    const connection = this.session?.connection as { congested: boolean } | undefined;
    if (connection !== undefined) connection.congested = value;
  }

  #open(call: Call): number {
    this.#last += 1;
    const number = this.#last;
    const stream: ModelStream = {
      number,
      call,
      worker: this,
      started: false,
      parked: false,
      cancelled: false,
      transferred: undefined,
    };
    this.#events.opened(stream);
    this.streams.set(number, stream);
    return number;
  }

  #whenTransferred(number: number, done: () => void): boolean {
    const stream = this.streams.get(number);
    if (stream === undefined || !this.#events.inChunks()) return false;
    stream.transferred = done;
    this.congested = true;
    return true;
  }
}
