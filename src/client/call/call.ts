/**
 * One call on the caller's side, whatever its result looks like: its encoded arguments, its budget, its
 * signal, and how far it has come. It settles exactly once; its stream ends separately, when the worker
 * says so.
 */
import { decodeValue } from "../../codec/decode/decoder.ts";
import { encodeThrown } from "../../codec/encode/encoder.ts";
import type { FlowSource, References } from "../../codec/references.ts";
import { hasContext } from "../../context/scope.ts";
import type { Abortable } from "../../context/task.ts";
import { isMerinoError } from "../../errors/merino-error.ts";
import { PayloadError } from "../../errors/payload-error.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { type CallPhase, TimeoutError } from "../../errors/timeout-error.ts";
import type { BodyTimeEstimate } from "../../internal/body-time-estimate.ts";
import { unwatchSignal, watchSignal } from "../../internal/signal-watch.ts";
import type { Enclosure } from "../../session/carrier.ts";
import type { ClientSession } from "../../session/client-session.ts";
import type { ClientStream } from "../../session/client-stream.ts";
import type { ValueOrigin } from "../../session/context/received-binding.ts";
import type { Definable } from "../../session/definitions.ts";
import { CHUNK_SIZE } from "../../session/limits.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import type { Nack } from "../../wire/frames.ts";
import type { Payload } from "../../wire/payload.ts";
import type { Member } from "../members/member.ts";
import { Occupancy } from "../members/occupancy.ts";
import { CallBaggage } from "./call-baggage.ts";
import { CallClock, type TimedCall, type TimeLimit } from "./call-clock.ts";
import { CallContext, mergeVariables, variablesFor } from "./call-context.ts";
import type { CallRecord } from "./call-record.ts";
import type { CancellationProbe, CancelledCall } from "./cancelled-calls.ts";
import { type Failure, LiveTask } from "./live-task.ts";
import type { Offer } from "./offer.ts";
import { encodeCall, encodingOf, type RoutineFigures } from "./outgoing-task.ts";
import type { PlacedRequest } from "./placed-request.ts";
import { RefusalRecord, refusalError } from "./refusal-record.ts";

/** How the connection under a call has ended. */
export interface CallLoss {
  readonly error: Error | undefined;
  /** False if the Task provably never reached the worker. */
  readonly started: boolean;
}

/** The dispatcher that carries a call, as the call sees it. */
export interface CallOwner extends RoutineFigures {
  readonly references: References;
  /** Whether there may be workers that take objects which pass between threads only. */
  readonly hasThreads: boolean;
  /** The call was cancelled before it was made. */
  neverStarted(call: Call, reason: unknown): void;
  /** The call is settled for its caller by its own signal or clock; its worker may still be running it. */
  cancelled(call: Call, reason: unknown): void;
  /** The call is settled for its caller by an answer. */
  answered(call: Call, outcome: "completed" | "failed", error?: unknown): void;
  /** A worker has taken the call; `version` is that of its Ack, if there was one. */
  accepted(call: Call, version: string | undefined): void;
  /** Bodies of a routine are now known to suspend after a much shorter time than was expected. */
  waits(estimate: BodyTimeEstimate): void;
  /** Its worker has spoiled its stream, or the answer to it. */
  spoiled(call: Call, failure: "stream-broken" | "answer-malformed", error: Error): void;
  /** Its worker has answered with an error, in the form that an answer has. */
  threw(call: Call): void;
  /** The worker did not start it. */
  refused(call: Call, nack: Nack): void;
  /** The connection to the member has ended under it. */
  lost(call: Call, member: Member | undefined, loss: CallLoss): void;
}

/** A call under way. */
export abstract class Call<Owner extends CallOwner = CallOwner>
  extends LiveTask
  implements ClientStream, Abortable, CancelledCall, TimedCall
{
  readonly payload: Payload;
  readonly large: boolean;
  /** Its context variables; absent where there are none. */
  protected context: CallContext | undefined;
  /** What goes of them with the task. */
  protected variables: Uint8Array | undefined;

  // How far it has come: written here only.
  phase: CallPhase = "queued";
  /** The place and permit that it holds on its member; absent before it is sent, and once its stream has ended. */
  occupancy: Occupancy | undefined;
  stream = 0;
  /** The worker it was last sent to; "" before. */
  lastUid = "";

  // Fields that other classes keep here: each is written only by the class that is named.
  /** Told how workers answer, if a balancer is driven step by step for this call: `Delegation`. */
  offer: Offer | undefined;
  /** From its cancellation until it has ended on its worker: `CancellationProbe`. */
  probe: CancellationProbe | undefined;

  /** What is told of it; absent unless somebody subscribes: `CallRecord`. */
  record: CallRecord | undefined;

  protected readonly owner: Owner;
  #settled = false;
  #refusals: RefusalRecord | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number | undefined;
  readonly #dispatchTimeoutMs: number | undefined;
  readonly #runTimeoutMs: number | undefined;
  /** When it came, if it was made later than that. */
  readonly #sinceMs: number | undefined;
  /** Absent when nothing limits the call. */
  #clock: CallClock | undefined;
  /** Memory and objects that others may have as well; absent where there are none. */
  readonly #baggage: CallBaggage | undefined;

  /** @param context Its variables, if it was put off; absent: as they are here and now. */
  constructor(owner: Owner, request: PlacedRequest, kind: number, context?: CallContext) {
    super(owner, request, kind);
    const { definition, options, parent } = request;
    this.owner = owner;
    this.#signal = options?.signal;
    this.#timeoutMs = options?.timeout ?? definition.timeoutMs;
    this.#dispatchTimeoutMs = options?.dispatchTimeout;
    this.#runTimeoutMs = this.head.runTimeoutUs > 0 ? this.head.runTimeoutUs / 1_000 : undefined;
    this.#sinceMs = request.sinceMs;
    const { bytes, start, end, parts, tainted, textUnits, platform, unread, beside } = this.encode(request);
    this.assertOwnAnswer(options);
    this.payload = { bytes, start, end, parts, tainted, textUnits, platform, unread, beside };
    if (beside !== undefined || parts.length > 0) this.#baggage = new CallBaggage(this.payload);
    this.large = parts.length > 0 || end - start > CHUNK_SIZE;
    this.context =
      context ?? (parent !== undefined || hasContext() ? CallContext.of(owner.references) : undefined);
  }

  /** It is never going to be started: it lets go of what it has laid hands on. */
  protected dismiss(): void {
    this.#baggage?.release();
    this.endLive(undefined);
  }

  /** Whether its answer has come, and has streams that nobody waits for. */
  get isUnread(): boolean {
    return false;
  }

  /** Whether it brings objects that only a worker in a thread of this process takes. */
  get needsThread(): boolean {
    return this.#baggage?.needsThread === true;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** The member that it was sent to, until its stream ends. */
  get member(): Member | undefined {
    return this.occupancy?.member;
  }

  get occupiesThread(): boolean {
    return this.occupancy?.occupiesThread === true;
  }

  /** The answers of workers that would not take it; absent while there are none. */
  get refusals(): RefusalRecord | undefined {
    return this.#refusals;
  }

  /**
   * Notes that a worker would not take it.
   *
   * @param from `uid`: which; default the one it was last sent to. `cause`: the error behind the refusal, if there is one.
   */
  noteRefusal(nack: Nack, from: { readonly uid?: string; readonly cause?: unknown } = {}): RefusalRecord {
    this.#refusals ??= new RefusalRecord();
    this.#refusals.add(from.uid ?? this.lastUid, nack, from.cause);
    return this.#refusals;
  }

  /** Notes that an import of its routine's module has failed somewhere after it was made. */
  noteFailedImport(): void {
    this.#refusals ??= new RefusalRecord();
    this.#refusals.endsWithImport = true;
  }

  /**
   * Starts the clock and ties the call to its signal and its parent.
   *
   * @returns False when it was over before it began; it is settled then.
   */
  start(): boolean {
    if (this.#signal?.aborted === true) {
      this.#settled = true;
      this.#baggage?.release();
      this.endLive(this.#signal);
      this.reject(this.#signal.reason, false);
      this.owner.neverStarted(this, this.#signal.reason);
      return false;
    }
    const timeoutMs = this.#timeoutMs;
    const inheritedMs = this.parent?.deadline;
    const dispatchTimeoutMs = this.#dispatchTimeoutMs;
    const runTimeoutMs = this.#runTimeoutMs;
    const isUnlimited = timeoutMs === undefined && inheritedMs === undefined;
    if (!isUnlimited || dispatchTimeoutMs !== undefined || runTimeoutMs !== undefined) {
      const sinceMs = this.#sinceMs;
      this.#clock = new CallClock(this, { timeoutMs, inheritedMs, dispatchTimeoutMs, runTimeoutMs, sinceMs });
    }
    if (this.#signal !== undefined) watchSignal(this.#signal, this);
    this.parent?.attach(this);
    return true;
  }

  /**
   * Fills in the fields of the head that are known only when it leaves.
   *
   * @param descriptor Travels with the task for calls nested in it; absent: none does.
   * @throws {@link NotSerializableError} if the worker does not take what is among the arguments.
   */
  prepare(session: ClientSession, descriptor: Definable | undefined): void {
    this.assertFlowsTaken(session);
    this.head.addressTo(session, this.definition, descriptor);
    if (this.#clock !== undefined) this.head.budgetUs = this.#clock.remainingUs;
    const { variables } = this;
    this.head.variables = variables === undefined ? undefined : variablesFor(session, variables);
  }

  /** The call has been written to a worker. */
  sent(member: Member, stream: number): void {
    this.occupancy = this.large ? Occupancy.ofTransfer(this, member, stream) : new Occupancy(this, member);
    this.stream = stream;
    this.lastUid = member.uid;
    this.phase = "sent";
    if (member.session !== undefined) this.liveOn(member.session, stream, this.context);
  }

  /** The call goes back to be sent to another worker: it provably did not start. */
  unsent(): void {
    this.liveOff();
    this.#clock?.returned();
    this.stream = 0;
    this.phase = "queued";
  }

  abort(reason: unknown): void {
    if (this.#settled) return;
    this.settle({ reason });
    this.reject(reason, isMerinoError(reason));
    this.offer?.settled();
    const { member, stream } = this;
    if (member?.session?.open === true && stream !== 0) {
      const payload = encodeThrown(reason, { root: "reason", references: this.owner.references });
      member.session.cancel(stream, payload);
    }
    this.owner.cancelled(this, reason);
  }

  expired(limitMs: number, option: TimeLimit): void {
    this.abort(new TimeoutError(this.definition.id, { phase: this.phase, timeout: limitMs, option }));
  }

  /** Fails the call without a word to a worker. */
  fail(error: unknown): void {
    if (this.#settled) return;
    this.settle({ reason: error });
    this.reject(error, true);
    this.offer?.settled();
    this.owner.answered(this, "failed", error);
  }

  accepted(version: string): void {
    const first = this.phase !== "running";
    this.#started(version);
    if (first && this.head.startsOnAck && !this.#settled) this.member?.session?.next(this.stream);
  }

  parked(bodyUs: number): void {
    const fallen = bodyUs > 0 && this.estimate.addParked(bodyUs); // 0: it has only waited so far
    this.#started();
    this.occupancy?.releaseShare();
    if (fallen) this.owner.waits(this.estimate);
  }

  /** The body is now known to be shorter than was expected when it was sent. */
  shorten(): void {
    this.occupancy?.shorten(this.estimate.us);
  }

  abstract result(message: ReceivedMessage): void;
  abstract done(message: ReceivedMessage): void;
  abstract exception(message: ReceivedMessage): void;

  refused(nack: Nack, returned?: Enclosure): void {
    this.over();
    const complete = this.#baggage?.refused(returned, this.#settled) ?? true;
    if (this.#settled || this.late()) return;
    if (complete) this.owner.refused(this, nack);
    else this.fail(refusalError(this.routine, nack));
  }

  failed(error: Error): void {
    this.over();
    this.owner.spoiled(this, "stream-broken", error);
    this.fail(error);
  }

  lost(error: Error | undefined, started: boolean): void {
    const { member } = this;
    this.over();
    if (this.#settled) return;
    const isWhole = this.#baggage?.isAway !== true;
    this.owner.lost(this, member, { error, started: started || !isWhole });
  }

  /**
   * Rejects the caller's promise, or the generator's pending step.
   *
   * @param isOwn Whether the error is not the program's, which may use it elsewhere: it is told who waits for it.
   */
  protected abstract reject(error: unknown, isOwn: boolean): void;

  /** A response has come: the body has started, and took this long before it first suspended. */
  protected responded(bodyUs: number): void {
    if (bodyUs > 0) this.estimate.add(bodyUs);
    this.#started();
  }

  /** Its stream has ended: nothing of it is left on its worker. */
  protected over(): void {
    const { occupancy, probe } = this;
    this.occupancy = undefined;
    occupancy?.vacate();
    probe?.ended(this);
    if (this.#settled) this.#baggage?.release();
  }

  /** The value that has come, once what the body has changed of the variables has been taken over. */
  protected decode(message: ReceivedMessage, flows?: FlowSource): unknown {
    this.record?.received(message);
    const { id: routine, module } = this.definition;
    const origin = { references: this.owner.references, source: message.source, module, routine };
    try {
      const { variables } = message;
      if (variables !== undefined) this.merge(variables, origin);
      return message.empty ? undefined : decodeValue(message, { ...origin, flows });
    } catch (error) {
      if (error instanceof ProtocolError || (error instanceof PayloadError && error.malformed)) {
        this.owner.spoiled(this, "answer-malformed", error);
      }
      throw error;
    }
  }

  /** Takes over what the body has changed of the variables. */
  protected merge(variables: Uint8Array, origin: ValueOrigin): void {
    mergeVariables(this.context, variables, origin);
  }

  /** The arguments, as they are sent. @throws If one cannot travel. */
  protected encode(request: PlacedRequest): Payload {
    return encodeCall(request, encodingOf(request, this.owner, this));
  }

  /** The error that the body has thrown. */
  protected decodeThrown(message: ReceivedMessage): unknown {
    const thrown = this.decode(message);
    this.record?.thrownByBody();
    this.owner.threw(this);
    return thrown;
  }

  /**
   * Ends the call for its budget, if that has run out: the worker, which watches it too, may be the first
   * to say so, in words of its own.
   *
   * @returns Whether it did.
   */
  protected late(): boolean {
    return this.#clock?.late() === true;
  }

  /** Marks the call settled and lets go of everything that could settle it again. @param failure Absent: with a value. */
  protected settle(failure?: Failure): void {
    this.#settled = true;
    this.#clock?.stop();
    if (this.#signal !== undefined) unwatchSignal(this.#signal, this);
    this.parent?.detach(this);
    this.endLive(failure);
    if (this.occupancy === undefined) this.#baggage?.release(); // else a worker may still be reading it
  }

  /** @param version The worker's, as an Ack said. */
  #started(version?: string): void {
    if (this.phase === "running") return;
    this.phase = "running";
    this.owner.accepted(this, version);
    this.#clock?.accepted();
    this.occupancy?.accepted();
    this.offer?.accepted();
  }
}
