/**
 * The spans of executions, at their worker: of kind SERVER, below the span of the call that came. Has the body run in the
 * context of its span, with the baggage that came along.
 */
import { type Context, context, propagation, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { ExecutionMessage } from "../telemetry/execution-message.ts";
import { ATTRIBUTES, codeAttributes } from "./attributes.ts";
import { contextOf, fieldsOf, isUnsampled, UnreadContext } from "./carried-context.ts";
import { endSpan } from "./end-span.ts";
import { ErrorTypes } from "./error-type.ts";
import type { RecordedErrors } from "./recorded-errors.ts";
import { AllRoutineTraits } from "./routine-traits.ts";
import type { Tracers } from "./tracers.ts";

/** Listens to the channels of executions. */
export class ExecutionSpans {
  readonly #tracers: Tracers;
  readonly #errors: RecordedErrors;
  readonly #errorTypes = new ErrorTypes();
  readonly #traits = new AllRoutineTraits();
  /** Of executions under way; those that are recorded only. */
  readonly #spans = new WeakMap<ExecutionMessage, Span>();

  constructor(tracers: Tracers, errors: RecordedErrors) {
    this.#tracers = tracers;
    this.#errors = errors;
  }

  started(message: ExecutionMessage): void {
    const { trace: carried } = message;
    const tracer = this.#tracers.current();
    if (tracer === undefined) {
      // The library itself passes on what came; this is for code of the task that asks for the context.
      if (carried !== undefined && propagation.fields().length > 0) runIn(message, contextOf(carried));
      return;
    }
    const traits = this.#traits.of(message.routine);
    const unsampled = carried !== undefined && isUnsampled(carried);
    if (unsampled && traits.leavesOutUnsampled()) {
      runIn(message, new UnreadContext(carried));
      return;
    }
    const parent = contextOf(carried);
    const options = { kind: SpanKind.SERVER, attributes: traits.attributes };
    const span = tracer.startSpan(message.routine, options, parent);
    const own = trace.setSpan(parent, span);
    message.trace = fieldsOf(own, carried);
    runIn(message, own);
    const isRecording = span.isRecording();
    if (unsampled) traits.noteUnsampled(isRecording);
    if (isRecording) this.#spans.set(message, span);
  }

  stepped(message: ExecutionMessage): void {
    this.#spans.get(message)?.addEvent("step", { [ATTRIBUTES.step]: message.steps });
  }

  ended(message: ExecutionMessage): void {
    const span = this.#spans.get(message);
    if (span === undefined) return;
    this.#spans.delete(message);
    endSpan(span, message, {
      attributes: {
        ...codeAttributes(message),
        [ATTRIBUTES.task]: message.id,
        ...(message.caller !== undefined && { [ATTRIBUTES.callingTask]: message.caller }),
      },
      errorTypes: this.#errorTypes,
      // One that a nested call was rejected with has its place already.
      recordError: () => this.#errors.add(message.error),
    });
  }
}

/** Has code of the task run in a context, around what other subscribers have it run in. */
function runIn(message: ExecutionMessage, own: Context): void {
  const { run } = message;
  message.run = run === undefined ? (fn) => context.with(own, fn) : (fn) => context.with(own, () => run(fn));
}
