/**
 * Makes the events about calls. It is asked only while somebody listens, so that a call costs nothing
 * otherwise; a call that was sent before anybody listened is reported with the fields that it still knows.
 */
import { formatTaskId, taskIdPrefix } from "../../session/task-id.ts";
import { Attempt } from "../attempts/attempt.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { QueueEventSink } from "../waiting/queue-bound.ts";
import type { TaskEvent } from "./task-event.ts";

/** Where events about calls go. */
export interface TaskEventSink extends QueueEventSink {
  /** Whether anybody listens. A plain field, since every call asks several times. */
  readonly wanted: boolean;
  publish(event: TaskEvent): void;
}

/** A call that has been sent, as far as events need it. */
interface Sent {
  readonly id: string;
  readonly worker: string;
  workerVersion: string;
}

/** Reports the calls of one dispatcher. */
export class CallReporter {
  readonly #sink: TaskEventSink;
  readonly #sent = new WeakMap<Call, Sent>();
  /** Derived from the uid of this process, which is the same on every connection. */
  #prefix: { readonly uid: string; readonly text: string } | undefined;

  constructor(sink: TaskEventSink) {
    this.#sink = sink;
  }

  sent(call: Call, member: Member): void {
    this.#sent.delete(call); // sent before, to a worker that did not take it
    this.#remember(call, member);
    this.#sink.publish({ ...this.#fields(call), phase: "sent" });
  }

  /** @param version The worker's version, as its Ack said; absent if the first response implied the Ack. */
  accepted(call: Call, version: string | undefined): void {
    const known = call.member === undefined ? undefined : this.#remember(call, call.member);
    if (known !== undefined && version !== undefined && version !== "") known.workerVersion = version;
    this.#sink.publish({ ...this.#fields(call), phase: "accepted" });
  }

  settled(call: Call, outcome: "completed" | "failed" | "cancelled"): void {
    this.#sink.publish({ ...this.#fields(call), phase: "settled", outcome });
    this.#sent.delete(call);
  }

  /** What is known of it is forgotten when its call is settled, if it has decided that, or else with it. */
  attemptOver(attempt: Attempt, outcome: "completed" | "failed" | "cancelled"): void {
    this.#sink.publish({ ...this.#fields(attempt), phase: "attempt-over", outcome });
  }

  #fields(call: Call): Omit<TaskEvent, "phase" | "outcome"> {
    const { routine, tag, priority, nested, lastUid } = call;
    const known = this.#sent.get(call);
    return {
      type: "task",
      id: known?.id,
      routine,
      tag,
      priority,
      attempt: call instanceof Attempt ? call.number : 1,
      nested,
      worker: known?.worker ?? (lastUid === "" ? undefined : lastUid),
      workerVersion: known?.workerVersion,
    };
  }

  #remember(call: Call, member: Member): Sent | undefined {
    const { session } = member;
    const known = this.#sent.get(call);
    if (known !== undefined || session === undefined) return known;
    const { uid, session: number } = session.connection.hello;
    if (this.#prefix?.uid !== uid) this.#prefix = { uid, text: taskIdPrefix(uid) };
    const sent: Sent = {
      id: formatTaskId(this.#prefix.text, number, call.stream),
      worker: member.uid,
      workerVersion: member.peer?.version ?? member.metadata.version,
    };
    this.#sent.set(call, sent);
    return sent;
  }
}

/** Makes the reporter of a sink when the first event is wanted. It is asked for each time: absent while nobody reads. */
export function reporterOf(sink: TaskEventSink | undefined): () => CallReporter | undefined {
  let reporter: CallReporter | undefined;
  return () => {
    if (sink?.wanted !== true) return undefined;
    reporter ??= new CallReporter(sink);
    return reporter;
  };
}
