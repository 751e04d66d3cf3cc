/**
 * The taking of a stream that one worker has for a task on another one: a call that shows a token in place of a routine,
 * and is answered as by a function whose value is an iterable. It goes to one worker, once, and nowhere else: until its
 * Task may have been taken there, whoever wanted it is told that it is not to be had.
 */
import { discard } from "../../codec/beside/attachments.ts";
import type { TakeRequest } from "../../context/dispatcher.ts";
import { NO_BINDINGS } from "../../context/variables/bindings.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import { TAKE_DEFINITION } from "../../identity/take-definition.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import type { ClientSession } from "../../session/client-session.ts";
import type { Definable } from "../../session/definitions.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import type { Nack } from "../../wire/frames.ts";
import { Call, type CallOwner } from "./call.ts";
import type { FlowsContext } from "./call-flows.ts";
import { refusalError } from "./refusal-record.ts";

/** About how long a worker takes to answer, in microseconds. */
const ANSWER_US = 10;

type Taken = AsyncIterator<unknown> | undefined;

/** Whoever places it, as a call. */
export interface TakeOwner extends CallOwner {
  submit(call: Call): void;
}

/** Takes a stream from a member that is ready. @returns See `Dispatcher.take`. */
export function take(owner: TakeOwner, request: TakeRequest): Promise<Taken> {
  const call = new TakeCall(owner, request);
  if (call.start()) owner.submit(call);
  return call.taken;
}

class TakeCall extends Call {
  readonly #taken: Deferred<Taken> = createDeferred();
  /** Nobody can have been asked for an item. */
  #isUnasked = true;
  readonly #variables: FlowsContext;

  constructor(owner: CallOwner, { uid, token, known, parent, module, signal }: TakeRequest) {
    const definition = module === undefined ? TAKE_DEFINITION : { ...TAKE_DEFINITION, module };
    const nothing = { receiver: undefined, parameters: [] };
    super(owner, { ...nothing, definition, options: { signal }, parent, only: uid }, 0);
    this.head.take = token;
    this.#variables = { begun: NO_BINDINGS, told: known, within: parent.routine };
  }

  get taken(): Promise<Taken> {
    return this.#taken.promise;
  }

  override prepare(session: ClientSession, _descriptor: Definable | undefined): void {
    if (!session.connection.takesHandOver)
      throw new ProtocolError("The worker is of a version that gives no streams");
    super.prepare(session, undefined);
  }

  override sent(...place: Parameters<Call["sent"]>): void {
    this.#isUnasked = false;
    super.sent(...place);
  }

  result(message: ReceivedMessage): void {
    this.responded(ANSWER_US);
    this.occupancy?.releaseShare();
    const session = this.member?.session;
    if (this.settled || session === undefined) return discard(message.attachments);
    const flows = this.answerFlows(session, this.stream, this.#variables);
    if (flows.inAnswer)
      return session.broken(this.stream, "a second value in answer to the taking of a stream");
    let value: unknown;
    try {
      value = this.decode(message, flows);
    } catch (error) {
      this.abort(error);
      return;
    }
    if (flows.inAnswer && isIterator(value)) this.#taken.resolve(value);
    else session.broken(this.stream, "a value in answer to the taking of a stream that is none");
  }

  done(): void {
    this.over();
    if (this.settled) return;
    this.settle();
    this.#taken.reject(new ProtocolError("The worker ended a stream that it had not sent"));
    this.owner.answered(this, "completed");
  }

  exception(message: ReceivedMessage): void {
    this.over();
    if (this.settled || this.late()) return;
    let error: unknown;
    try {
      error = this.decode(message);
    } catch (malformed) {
      error = malformed;
    }
    this.fail(error);
  }

  override refused(nack: Nack): void {
    this.over();
    this.#isUnasked = true;
    this.fail(refusalError(this.routine, nack));
  }

  override lost(error: Error | undefined, started: boolean): void {
    const { member, lastUid: uid } = this;
    this.over();
    this.#isUnasked = !started;
    const { pid, address } = member?.metadata ?? {};
    const worker = { uid, pid, address };
    const why = `${error?.message ?? "its connection ended"}; a task on another worker read a stream from it`;
    const reason = member?.leaving === true ? "stopped" : "lost";
    this.fail(new WorkerLostError(why, worker, { reason, ...(error !== undefined && { cause: error }) }));
  }

  protected reject(error: unknown): void {
    if (this.#isUnasked) this.#taken.resolve(undefined);
    else this.#taken.reject(error);
  }
}

function isIterator(value: unknown): value is AsyncIterator<unknown> {
  return typeof (value as Partial<AsyncIterator<unknown>> | undefined)?.next === "function";
}
