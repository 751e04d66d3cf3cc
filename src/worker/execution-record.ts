/**
 * What the channels of `merino:execution` tell of one execution, and how its code is run in the stores and the function
 * that their subscribers have given. It exists only if somebody subscribes when the task arrives; it decides nothing.
 */
import { AsyncResource } from "node:async_hooks";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import {
  executionChannel,
  executionStepChannel,
  recordedExecutionChannel,
  recordedExecutionStepChannel,
} from "../telemetry/channels.ts";
import type { ExecutionMessage, ExecutionOutcome } from "../telemetry/execution-message.ts";
import { hasBoundStores, OperationMessages } from "../telemetry/operation-messages.ts";
import { leaveOutExecution, RECORDED, type Surroundings } from "../telemetry/recorder.ts";
import { runThrough } from "../telemetry/run-through.ts";
import { traceToSend } from "../telemetry/trace-bounds.ts";
import type { TraceContext } from "../telemetry/trace-context.ts";
import { type Payload, payloadSize } from "../wire/payload.ts";

/** A task, as the record of its execution sees it. */
export interface RecordedTask {
  readonly id: string;
  readonly caller: { readonly id: string } | undefined;
  readonly tag: string | undefined;
  readonly priority: number;
  /** When it has arrived, in milliseconds on the clock of `performance.now()`. */
  readonly arrivedMs: number;
  traceContext: TraceContext | undefined;
  /** In what its code is run if the recorder leaves it out. */
  surroundings: Surroundings | undefined;
  record: ExecutionRecord | undefined;
}

/** What the task does not know. */
export interface Executed {
  readonly definition: RoutineDefinition;
  /** The arguments, encoded. */
  readonly payload: Payload;
  /** When its turn came, on the clock of `performance.now()`. */
  readonly beginMs: number;
}

/** Makes a record of an execution that is about to begin, if somebody is to be told of it. */
export function recordExecution(task: RecordedTask, executed: Executed): void {
  const left = leaveOutExecution(executed.definition.id, task.traceContext);
  const isRecorded = left === RECORDED;
  if (!isRecorded) task.surroundings = left;
  if (isRecorded || isTold()) task.record = new ExecutionRecord(task, executed, isRecorded);
}

/** @param body Calls the body. It throws nothing. */
export function enterBody({ record, surroundings }: RecordedTask, body: () => void): void {
  if (record !== undefined) record.start(body);
  else if (surroundings !== undefined) surroundings.run(body);
  else body();
}

/** Whether anybody is told of executions that are not recorded. */
function isTold(): boolean {
  return executionChannel.hasSubscribers || executionStepChannel.hasSubscribers;
}

/** The record of one execution. */
export class ExecutionRecord extends OperationMessages<Message> {
  /**
   * Has the stores as they are at the body's beginning; absent unless some are bound. A snapshot of them costs a call on
   * Node 20 twenty times as much.
   */
  #stores: AsyncResource | undefined;
  readonly #isRecorded: boolean;

  /** @param isRecorded Whether the recorder wants to be told of it; everybody else is in any case. */
  constructor(task: RecordedTask, executed: Executed, isRecorded: boolean) {
    super(executionChannel, new Message(task, executed), isRecorded ? recordedExecutionChannel : undefined);
    this.#isRecorded = isRecorded;
  }

  /** @param body Calls the body. It throws nothing. */
  start(body: () => void): void {
    const hasStores = hasBoundStores(executionChannel.start);
    this.begin(() => {
      if (hasStores) this.#stores = new AsyncResource("merino:execution");
      runThrough(this.message.run, body);
    });
  }

  /** Runs more code of the task. */
  run<R>(fn: () => R): R {
    if (this.#stores === undefined) return runThrough(this.message.run, fn);
    return this.#stores.runInAsyncScope(() => runThrough(this.message.run, fn));
  }

  /** Its answer is about to be sent. */
  responded(payload: Payload): void {
    this.message.responseBytes += payloadSize(payload);
  }

  /** A value of a generator has been sent. */
  stepped(sizeBytes: number): void {
    this.message.responseBytes += sizeBytes;
    this.message.steps += 1;
    executionStepChannel.publish(this.message);
    if (this.#isRecorded) recordedExecutionStepChannel.publish(this.message);
  }

  ended(outcome: ExecutionOutcome, error?: unknown): void {
    if (this.isOver) return;
    this.message.outcome = outcome;
    this.message.error = error;
    this.over(outcome !== "completed");
  }
}

class Message implements ExecutionMessage {
  readonly routine: string;
  readonly functionName: string;
  readonly module: string;
  readonly tag: string | undefined;
  readonly priority: number;
  readonly streaming: boolean;
  readonly queuedMs: number;
  readonly requestBytes: number;
  responseBytes = 0;
  steps = 0;
  outcome: ExecutionOutcome | undefined;
  error: unknown;
  run: ExecutionMessage["run"];
  readonly #task: RecordedTask;

  constructor(task: RecordedTask, { definition, payload, beginMs }: Executed) {
    this.routine = definition.id;
    this.functionName = definition.name;
    this.module = definition.module ?? "";
    this.tag = task.tag;
    this.priority = task.priority;
    this.streaming = definition.kind === "generator";
    this.queuedMs = Math.max(0, beginMs - task.arrivedMs);
    this.requestBytes = payloadSize(payload);
    this.#task = task;
    const { surroundings } = task;
    if (surroundings !== undefined) this.run = (fn) => surroundings.run(fn);
  }

  get id(): string {
    return this.#task.id;
  }

  get caller(): string | undefined {
    return this.#task.caller?.id;
  }

  get trace(): TraceContext | undefined {
    return this.#task.traceContext;
  }

  set trace(trace: TraceContext | undefined) {
    this.#task.traceContext = traceToSend(trace);
  }
}
