/** Messages of the channels, and their publishing as the library does it, for tests that have no calls. */
import type { CallMessage, CallRefusal } from "../../src/telemetry/call-message.ts";
import {
  callChannel,
  callStepChannel,
  executionChannel,
  executionStepChannel,
  recordedCallChannel,
  recordedCallStepChannel,
  recordedExecutionChannel,
  recordedExecutionStepChannel,
  recordedRefusedChannel,
  refusedChannel,
} from "../../src/telemetry/channels.ts";
import type { ExecutionMessage } from "../../src/telemetry/execution-message.ts";
import { leaveOutCall, leaveOutExecution, RECORDED } from "../../src/telemetry/recorder.ts";

type Changeable<T> = { -readonly [Name in keyof T]: T[Name] };

/** A call that has just been made. */
export function callMessage(changes: Partial<CallMessage> = {}): Changeable<CallMessage> {
  return {
    routine: "shop/jobs#add",
    functionName: "add",
    module: "file:///shop/jobs.js",
    tag: undefined,
    priority: 0,
    nested: false,
    streaming: false,
    id: undefined,
    worker: undefined,
    attempts: 0,
    queuedMs: undefined,
    requestBytes: undefined,
    responseBytes: 0,
    steps: 0,
    outcome: undefined,
    error: undefined,
    thrownByBody: false,
    trace: undefined,
    ...changes,
  };
}

/** An execution that is about to begin. */
export function executionMessage(changes: Partial<ExecutionMessage> = {}): Changeable<ExecutionMessage> {
  return {
    routine: "shop/jobs#add",
    functionName: "add",
    module: "file:///shop/jobs.js",
    tag: undefined,
    priority: 0,
    streaming: false,
    id: "11111111-1111-4111-8111-111111111111",
    caller: undefined,
    queuedMs: 2,
    requestBytes: 10,
    responseBytes: 0,
    steps: 0,
    outcome: undefined,
    error: undefined,
    trace: undefined,
    run: undefined,
    ...changes,
  };
}

/** Those that the recorder wants to be told of. */
const recorded = new WeakSet<CallMessage | ExecutionMessage>();

/** A call is made. */
export function beginCall(call: CallMessage): void {
  // Of a stream it is not known beforehand.
  const left = call.streaming ? RECORDED : leaveOutCall(call.routine, call.trace);
  if (left === RECORDED) recorded.add(call);
  else call.trace = left;
  callChannel.start.publish(call);
  if (left === RECORDED) recordedCallChannel.start.publish(call);
}

/** An execution begins. */
export function beginExecution(execution: ExecutionMessage): void {
  const left = leaveOutExecution(execution.routine, execution.trace);
  if (left === RECORDED) recorded.add(execution);
  else if (left !== undefined) execution.run = (fn) => left.run(fn);
  executionChannel.start.publish(execution);
  if (left === RECORDED) recordedExecutionChannel.start.publish(execution);
}

/** A worker would not take the call. */
export function refuse(call: CallMessage, refusal: CallRefusal): void {
  refusedChannel.publish({ call, refusal });
  if (recorded.has(call)) recordedRefusedChannel.publish({ call, refusal });
}

/** A generator has yielded, or its value has come. */
export function step(message: CallMessage | ExecutionMessage, steps: number): void {
  Object.assign(message, { steps });
  const isExecution = "run" in message;
  (isExecution ? executionStepChannel : callStepChannel).publish(message);
  if (!recorded.has(message)) return;
  (isExecution ? recordedExecutionStepChannel : recordedCallStepChannel).publish(message);
}

/** A call or an execution is over. */
export function end<T extends CallMessage | ExecutionMessage>(message: T, changes: Partial<T>): void {
  Object.assign(message, changes);
  const isExecution = "run" in message;
  (isExecution ? executionChannel : callChannel).asyncEnd.publish(message);
  if (!recorded.has(message)) return;
  (isExecution ? recordedExecutionChannel : recordedCallChannel).asyncEnd.publish(message);
}
