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

/** Executions, at their worker: messages are `ExecutionMessage`. */
export const executionChannel: TracingChannel = tracingChannel("merino:execution");
/** A generator has yielded: the `ExecutionMessage`. */
export const executionStepChannel: Channel = channel("merino:execution:step");
