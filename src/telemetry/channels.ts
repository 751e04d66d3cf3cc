/**
 * The channels on which the library tells what it does, by Node's `diagnostics_channel`: nothing is computed for a
 * channel that nobody subscribes to. They are of the process, since Node's registry is, so that all copies of the
 * package publish to the same ones.
 */
import { type Channel, channel, type TracingChannel, tracingChannel } from "node:diagnostics_channel";

/** Calls, at their caller: messages are `CallMessage`. */
export const callChannel: TracingChannel = tracingChannel("merino:call");
/** A worker would not take a call: `{ call, refusal }`. */
export const refusedChannel: Channel = channel("merino:call:refused");
/** A generator's value has come: the `CallMessage`. */
export const callStepChannel: Channel = channel("merino:call:step");

/** The attempts of calls that may have several, at their caller: messages are `AttemptMessage`. */
export const attemptChannel: TracingChannel = tracingChannel("merino:call:attempt");

/** Executions, at their worker: messages are `ExecutionMessage`. */
export const executionChannel: TracingChannel = tracingChannel("merino:execution");
/** A generator has yielded: the `ExecutionMessage`. */
export const executionStepChannel: Channel = channel("merino:execution:step");

/** Workers that this process starts: messages are `WorkerMessage`. */
export const workerChannel: TracingChannel = tracingChannel("merino:worker");
/** A worker that this process has started has ended: `WorkerExitMessage`. */
export const workerExitChannel: Channel = channel("merino:worker:exit");

/** Pools that are opened: messages are `PoolMessage`. */
export const poolChannel: TracingChannel = tracingChannel("merino:pool");
/** A pool that was opened, or was being opened, has been closed: its `PoolMessage`. */
export const poolCloseChannel: Channel = channel("merino:pool:close");

/** Connections that are made to workers: messages are `ConnectingMessage`. */
export const discoveryChannel: TracingChannel = tracingChannel("merino:discovery");
/** A discovery has reported something: `DiscoveryEventMessage`. */
export const discoveryEventChannel: Channel = channel("merino:discovery:event");

/** What is told of those calls and executions alone that the recorder wants: see `recorder.ts`. */
export const recordedCallChannel: TracingChannel = tracingChannel("merino:recorded:call");
/** As `refusedChannel`. */
export const recordedRefusedChannel: Channel = channel("merino:recorded:call:refused");
/** As `callStepChannel`. */
export const recordedCallStepChannel: Channel = channel("merino:recorded:call:step");
/** As `attemptChannel`. */
export const recordedAttemptChannel: TracingChannel = tracingChannel("merino:recorded:call:attempt");
/** As `executionChannel`. */
export const recordedExecutionChannel: TracingChannel = tracingChannel("merino:recorded:execution");
/** As `executionStepChannel`. */
export const recordedExecutionStepChannel: Channel = channel("merino:recorded:execution:step");
