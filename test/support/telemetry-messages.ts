/** Messages of the channels as the library publishes them, for tests that have no calls. */
import type { CallMessage } from "../../src/telemetry/call-message.ts";
import type { ExecutionMessage } from "../../src/telemetry/execution-message.ts";

type Changeable<T> = { -readonly [Name in keyof T]: T[Name] };

/** A call that has just been made. */
export function callMessage(changes: Partial<CallMessage> = {}): Changeable<CallMessage> {
  return {
    routine: "shop/jobs#add",
    functionName: "add",
    module: "file:///shop/jobs.js",
    tag: undefined,
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
