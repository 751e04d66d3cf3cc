/** Switches the spans and metrics on and off: which of them listens to which channel is said here and nowhere else. */
import type { Channel } from "node:diagnostics_channel";
import { context, type MeterProvider, type TracerProvider } from "@opentelemetry/api";
import { assertBoolean, assertKnownOptions, assertMethods } from "../errors/check-options.ts";
import type { AttemptMessage } from "../telemetry/attempt-message.ts";
import type { CallMessage, CallRefusal } from "../telemetry/call-message.ts";
import {
  callChannel,
  executionChannel,
  poolChannel,
  poolCloseChannel,
  recordedAttemptChannel,
  recordedCallChannel,
  recordedCallStepChannel,
  recordedExecutionChannel,
  recordedExecutionStepChannel,
  recordedRefusedChannel,
  refusedChannel,
} from "../telemetry/channels.ts";
import type { ExecutionMessage } from "../telemetry/execution-message.ts";
import { addRecorder } from "../telemetry/recorder.ts";
import { CallSpans } from "./call-spans.ts";
import { CarriedContexts, extended } from "./carried-context.ts";
import { ExecutionSpans } from "./execution-spans.ts";
import { Meters } from "./meters.ts";
import { Metrics } from "./metrics.ts";
import { OpenPools, type PoolOfMessage } from "./open-pools.ts";
import { RecordedErrors } from "./recorded-errors.ts";
import { Tracers } from "./tracers.ts";

/** What is made of what the channels tell. */
export interface InstrumentOptions {
  /** Whether calls and executions have spans, and trace contexts travel with calls. Default true. */
  readonly traces?: boolean | undefined;
  /** Whether metrics are recorded. Default true. */
  readonly metrics?: boolean | undefined;
  /**
   * Whether the spans of a stream have an event for each of its values. Default false: a stream of a million values would
   * have as many.
   */
  readonly steps?: boolean | undefined;
  /** Where spans go. Default: the global provider, also one that is registered later. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Where metrics go. Default: the global provider, also one that is registered later. */
  readonly meterProvider?: MeterProvider | undefined;
}

const KNOWN_OPTIONS: Readonly<Record<keyof InstrumentOptions, true>> = {
  traces: true,
  metrics: true,
  steps: true,
  tracerProvider: true,
  meterProvider: true,
};

/**
 * Makes spans and metrics of the calls that this process makes and of the tasks that it runs, and has trace context and
 * baggage travel with the calls. Each process of a trace has to do so for itself, workers too: in a module that both
 * load, or by `merino/opentelemetry/register`, which takes no code. Only one at a time should be in force in a process.
 *
 * What becomes of the spans, and which traces are sampled, is for the SDK that the process has registered. While there
 * is none, next to nothing is done.
 *
 * @returns Disposing it ends that. Spans of calls that are under way are not ended then. Idempotent.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for an option that is unknown or of another type.
 * @example
 * import { NodeSDK } from "@opentelemetry/sdk-node";
 * import { instrument } from "merino/opentelemetry";
 *
 * new NodeSDK({ serviceName: "thumbs" }).start();
 * instrument({ steps: true });
 */
export function instrument(options: InstrumentOptions = {}): Disposable {
  assertKnownOptions(options, KNOWN_OPTIONS);
  const { traces = true, metrics = true, steps = false } = options;
  assertBoolean("traces", traces);
  assertBoolean("metrics", metrics);
  assertBoolean("steps", steps);
  if (options.tracerProvider !== undefined)
    assertMethods("tracerProvider", options.tracerProvider, ["getTracer"]);
  if (options.meterProvider !== undefined)
    assertMethods("meterProvider", options.meterProvider, ["getMeter"]);
  const ends = [
    ...(traces ? followTraces(options.tracerProvider, { steps }) : []),
    ...(metrics ? followMetrics(options.meterProvider) : []),
  ];
  return {
    [Symbol.dispose]() {
      for (const end of ends.splice(0)) end();
    },
  };
}

/** Ends one subscription, or what was made for one. */
type End = () => void;

/** What `merino:call:refused` tells. */
interface Refused {
  readonly call: CallMessage;
  readonly refusal: CallRefusal;
}

function followTraces(
  provider: TracerProvider | undefined,
  { steps }: { readonly steps: boolean },
): readonly End[] {
  const tracers = new Tracers(provider);
  const errors = new RecordedErrors();
  const carried = new CarriedContexts();
  const calls = new CallSpans(tracers, errors, carried);
  const executions = new ExecutionSpans(tracers, errors, carried);
  return [
    addRecorder({
      leaveOutCall: (routine, inherited) => calls.leaveOut(routine, inherited),
      leaveOutExecution: (routine, fields) => executions.leaveOut(routine, fields),
      present: (inherited) => carried.present(inherited),
      within: (fields) => ({ run: (fn) => context.with(extended(context.active(), fields), fn) }),
    }),
    follow<CallMessage>(recordedCallChannel.start, (call) => calls.started(call)),
    follow<CallMessage>(recordedCallChannel.asyncEnd, (call) => calls.ended(call)),
    follow<Refused>(recordedRefusedChannel, ({ call, refusal }) => calls.refused(call, refusal)),
    follow<AttemptMessage>(recordedAttemptChannel.start, (attempt) => calls.attemptStarted(attempt)),
    follow<AttemptMessage>(recordedAttemptChannel.asyncEnd, (attempt) => calls.attemptEnded(attempt)),
    follow<ExecutionMessage>(recordedExecutionChannel.start, (task) => executions.started(task)),
    follow<ExecutionMessage>(recordedExecutionChannel.asyncEnd, (task) => executions.ended(task)),
    ...(steps
      ? [
          follow<CallMessage>(recordedCallStepChannel, (call) => calls.stepped(call)),
          follow<ExecutionMessage>(recordedExecutionStepChannel, (task) => executions.stepped(task)),
        ]
      : []),
  ];
}

function followMetrics(provider: MeterProvider | undefined): readonly End[] {
  const pools = new OpenPools();
  const meters = new Meters(provider, (meter) => new Metrics(meter, pools));
  meters.current(); // so that what is observed of the process does not wait for a call
  return [
    follow<CallMessage>(callChannel.start, (call) => meters.current()?.callStarted(call)),
    follow<CallMessage>(callChannel.asyncEnd, (call) => meters.current()?.callEnded(call)),
    follow<Refused>(refusedChannel, ({ call, refusal }) => meters.current()?.callRefused(call, refusal)),
    follow<ExecutionMessage>(executionChannel.start, (task) => meters.current()?.executionStarted(task)),
    follow<ExecutionMessage>(executionChannel.asyncEnd, (task) => meters.current()?.executionEnded(task)),
    follow<PoolOfMessage>(poolChannel.asyncEnd, (pool) => pools.opened(pool)),
    follow<PoolOfMessage>(poolCloseChannel, (pool) => pools.closed(pool)),
    () => meters.end(),
  ];
}

/** The channel's messages are what `telemetry/` says: they are typed there, and not by Node. */
function follow<T>(channel: Channel, listener: (message: T) => void): End {
  const subscriber = (message: unknown): void => listener(message as T);
  channel.subscribe(subscriber);
  return () => void channel.unsubscribe(subscriber);
}
