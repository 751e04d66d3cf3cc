/**
 * The spans of executions, at their worker: of kind SERVER, below the span of the call that came. Has the body run in the
 * context of its span, with the baggage that came along.
 */
import { type Context, context, propagation, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { ExecutionMessage } from "../telemetry/execution-message.ts";
import { RECORDED, type Surroundings } from "../telemetry/recorder.ts";
import type { TraceContext } from "../telemetry/trace-context.ts";
import { ATTRIBUTES } from "./attributes.ts";
import { type CarriedContexts, isUnsampled, UnreadContext } from "./carried-context.ts";
import { endSpan } from "./end-span.ts";
import { ErrorTypes } from "./error-type.ts";
import type { RecordedErrors } from "./recorded-errors.ts";
import { AllRoutineTraits } from "./routine-traits.ts";
import type { Tracers } from "./tracers.ts";

/** An execution, with its span while that is recorded. */
interface TracedExecution extends ExecutionMessage {
  [key: symbol]: Span | undefined;
}

/** Listens to the channels of executions. */
export class ExecutionSpans {
  readonly #tracers: Tracers;
  readonly #errors: RecordedErrors;
  readonly #carried: CarriedContexts;
  readonly #errorTypes = new ErrorTypes();
  readonly #traits = new AllRoutineTraits();
  /** By which executions under way have their spans: in a map of them they would cost as much as the rest. */
  readonly #span = Symbol("span");

  constructor(tracers: Tracers, errors: RecordedErrors, carried: CarriedContexts) {
    this.#tracers = tracers;
    this.#errors = errors;
    this.#carried = carried;
  }

  /** As `Recorder.leaveOutExecution`. */
  leaveOut(routine: string, fields: TraceContext | undefined): Surroundings | undefined | typeof RECORDED {
    if (fields !== undefined && isUnsampled(fields)) {
      return this.#traits.of(routine).leavesOutUnsampled()
        ? new UnreadContext(fields, this.#carried)
        : RECORDED;
    }
    if (this.#tracers.current() !== undefined) return RECORDED;
    // The library itself passes on what came; this is for code of the task that asks for the context.
    return fields !== undefined && propagation.fields().length > 0
      ? new UnreadContext(fields, this.#carried)
      : undefined;
  }

  started(message: ExecutionMessage): void {
    const { trace: fields } = message;
    const tracer = this.#tracers.current();
    if (tracer === undefined) return; // it has gone meanwhile
    const traits = this.#traits.of(message.routine);
    const parent = this.#carried.contextOf(fields);
    const options = { kind: SpanKind.SERVER, attributes: traits.attributes };
    const span = tracer.startSpan(message.routine, options, parent);
    const own = trace.setSpan(parent, span);
    message.trace = this.#carried.fieldsOf(own, fields);
    runIn(message, own);
    const isRecording = span.isRecording();
    if (fields !== undefined && isUnsampled(fields)) traits.noteUnsampled(isRecording);
    if (isRecording) (message as TracedExecution)[this.#span] = span;
  }

  stepped(message: ExecutionMessage): void {
    this.#spanOf(message)?.addEvent("step", { [ATTRIBUTES.step]: message.steps });
  }

  ended(message: ExecutionMessage): void {
    const span = this.#spanOf(message);
    if (span === undefined) return;
    (message as TracedExecution)[this.#span] = undefined;
    if (message.caller !== undefined) span.setAttribute(ATTRIBUTES.callingTask, message.caller);
    endSpan(span, message, {
      traits: this.#traits.of(message.routine),
      errorTypes: this.#errorTypes,
      // One that a nested call was rejected with has its place already.
      recordError: () => this.#errors.add(message.error),
    });
  }

  #spanOf(message: ExecutionMessage): Span | undefined {
    return (message as TracedExecution)[this.#span];
  }
}

/** Has code of the task run in a context, around what other subscribers have it run in. */
function runIn(message: ExecutionMessage, own: Context): void {
  const { run } = message;
  message.run = run === undefined ? (fn) => context.with(own, fn) : (fn) => context.with(own, () => run(fn));
}
