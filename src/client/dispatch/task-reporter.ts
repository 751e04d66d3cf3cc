/**
 * Makes the events about calls. While nobody listens nothing is computed and nothing kept; a call that was
 * sent before is reported with what its task still knows.
 */
import { formatTaskId, taskIdPrefix } from "../../session/task-id.ts";
import type { OutgoingTask } from "../call/outgoing-task.ts";
import type { Member } from "../members/member.ts";
import type { TaskEvent } from "./task-event.ts";

/** Where events about calls go. */
export interface TaskEventSink {
  /** Whether anybody listens. */
  readonly wanted: boolean;
  publish(event: TaskEvent): void;
}

/** What is known of a call that has been sent. */
interface Sent {
  readonly id: string;
  readonly worker: string;
  workerVersion: string;
}

/** Reports the calls of one dispatcher. */
export class TaskReporter {
  readonly #sink: TaskEventSink;
  readonly #sent = new WeakMap<OutgoingTask, Sent>();
  /** Derived from the uid of this process, which is the same on every connection. */
  #prefix: { readonly uid: string; readonly text: string } | undefined;

  constructor(sink: TaskEventSink) {
    this.#sink = sink;
  }

  sent(task: OutgoingTask, member: Member): void {
    if (!this.#sink.wanted) return;
    this.#sent.delete(task); // sent before, to a worker that did not take it
    this.#remember(task, member);
    this.#sink.publish({ ...this.#fields(task), phase: "sent" });
  }

  /** @param version The worker's, as its Ack said; absent where the first response implied the Ack. */
  accepted(task: OutgoingTask, version: string | undefined): void {
    if (!this.#sink.wanted) return;
    const known = task.member === undefined ? undefined : this.#remember(task, task.member);
    if (known !== undefined && version !== undefined && version !== "") known.workerVersion = version;
    this.#sink.publish({ ...this.#fields(task), phase: "accepted" });
  }

  settled(task: OutgoingTask, outcome: "completed" | "failed" | "cancelled"): void {
    if (!this.#sink.wanted) return;
    this.#sink.publish({ ...this.#fields(task), phase: "settled", outcome });
    this.#sent.delete(task);
  }

  #fields(task: OutgoingTask): Omit<TaskEvent, "phase" | "outcome"> {
    const { routine, tag, nested, lastUid } = task;
    const known = this.#sent.get(task);
    return {
      type: "task",
      id: known?.id,
      routine,
      tag,
      nested,
      worker: known?.worker ?? (lastUid === "" ? undefined : lastUid),
      workerVersion: known?.workerVersion,
    };
  }

  #remember(task: OutgoingTask, member: Member): Sent | undefined {
    const { session } = member;
    const known = this.#sent.get(task);
    if (known !== undefined || session === undefined) return known;
    const { uid, session: number } = session.session.hello;
    if (this.#prefix?.uid !== uid) this.#prefix = { uid, text: taskIdPrefix(uid) };
    const sent: Sent = {
      id: formatTaskId(this.#prefix.text, number, task.stream),
      worker: member.uid,
      workerVersion: member.peer?.version ?? member.metadata.version,
    };
    this.#sent.set(task, sent);
    return sent;
  }
}
