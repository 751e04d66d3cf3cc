/**
 * The spans of calls, at their caller: of kind CLIENT, one for each call, however many workers it is offered. Puts the
 * context of the span into what travels with the call. Where a call may have several attempts, each has a span below
 * that of the call, of kind CLIENT as well, whose context travels with it.
 */
import {
  type Context,
  context,
  INVALID_TRACEID,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { asError, errorText } from "../internal/error-text.ts";
import type { AttemptMessage } from "../telemetry/attempt-message.ts";
import type { CallMessage, CallRefusal } from "../telemetry/call-message.ts";
import { RECORDED } from "../telemetry/recorder.ts";
import type { TraceContext } from "../telemetry/trace-context.ts";
import { ATTRIBUTES, workerAttributes } from "./attributes.ts";
import { type CarriedContexts, isUnsampled, UnreadContext } from "./carried-context.ts";
import { endSpan } from "./end-span.ts";
import { ErrorTypes } from "./error-type.ts";
import type { RecordedErrors } from "./recorded-errors.ts";
import { AllRoutineTraits } from "./routine-traits.ts";
import type { Tracers } from "./tracers.ts";

/** A call, with its span while that is recorded. */
interface TracedCall extends CallMessage {
  [key: symbol]: Span | undefined;
}

/** An attempt, with its span while that is recorded. */
interface TracedAttempt extends AttemptMessage {
  [key: symbol]: Span | undefined;
}

/** Listens to the channels of calls. */
export class CallSpans {
  readonly #tracers: Tracers;
  readonly #errors: RecordedErrors;
  readonly #carried: CarriedContexts;
  readonly #errorTypes = new ErrorTypes();
  readonly #traits = new AllRoutineTraits();
  /** By which calls under way have their spans: in a map of them they would cost as much as the rest. */
  readonly #span = Symbol("span");
  /** The context of the last call that was made in a trace that is not sampled: there are often many in one. */
  #unsampledContext: Context | undefined;
  #unsampledInherited: TraceContext | undefined;
  #unsampledFields: TraceContext | undefined;

  constructor(tracers: Tracers, errors: RecordedErrors, carried: CarriedContexts) {
    this.#tracers = tracers;
    this.#errors = errors;
    this.#carried = carried;
  }

  /** As `Recorder.leaveOutCall`. */
  leaveOut(routine: string, inherited: TraceContext | undefined): TraceContext | undefined | typeof RECORDED {
    const active = context.active();
    if (active === this.#unsampledContext || isInUnsampledTrace(active)) {
      return this.#traits.of(routine).leavesOutUnsampled()
        ? this.#fieldsOfUnsampled(active, inherited)
        : RECORDED;
    }
    if (this.#tracers.current() !== undefined) return RECORDED;
    // A process that makes no spans still passes contexts on, as far as it knows them.
    return this.#carried.present(inherited);
  }

  started(message: CallMessage): void {
    const left = this.leaveOut(message.routine, message.trace);
    const tracer = this.#tracers.current();
    if (left !== RECORDED || tracer === undefined) {
      if (left !== RECORDED) message.trace = left; // of a stream, for which it is known only now
      return;
    }
    const active = context.active();
    const traits = this.#traits.of(message.routine);
    const options = { kind: SpanKind.CLIENT, attributes: traits.attributes };
    const span = tracer.startSpan(message.routine, options, active);
    message.trace = this.#carried.fieldsOf(trace.setSpan(active, span), message.trace);
    const isRecording = span.isRecording();
    if (isInUnsampledTrace(active)) traits.noteUnsampled(isRecording);
    if (isRecording) (message as TracedCall)[this.#span] = span;
  }

  refused(message: CallMessage, refusal: CallRefusal): void {
    this.#spanOf(message)?.addEvent("refused", {
      [ATTRIBUTES.worker]: refusal.worker,
      [ATTRIBUTES.refusalCode]: refusal.code,
      [ATTRIBUTES.refusalReason]: refusal.reason,
    });
  }

  stepped(message: CallMessage): void {
    this.#spanOf(message)?.addEvent("step", { [ATTRIBUTES.step]: message.steps });
  }

  ended(message: CallMessage): void {
    const span = this.#spanOf(message);
    const isNew = message.outcome === "failed" && this.#errors.add(message.error);
    if (span === undefined) return;
    (message as TracedCall)[this.#span] = undefined;
    if (message.worker !== undefined) span.setAttributes(workerAttributes(message.worker));
    span.setAttribute(ATTRIBUTES.attempts, message.attempts);
    endSpan(span, message, {
      traits: this.#traits.of(message.routine),
      errorTypes: this.#errorTypes,
      // What a body has thrown stands on the span of its execution.
      recordError: () => isNew && !message.thrownByBody,
    });
  }

  attemptStarted(message: AttemptMessage): void {
    const parent = this.#spanOf(message.call);
    const tracer = this.#tracers.current();
    if (parent === undefined || tracer === undefined) return;
    const around = trace.setSpan(this.#carried.contextOf(message.call.trace), parent);
    const options = {
      kind: SpanKind.CLIENT,
      attributes: {
        ...this.#traits.of(message.routine).attributes,
        [ATTRIBUTES.attempt]: message.attempt,
        [ATTRIBUTES.hedge]: message.hedge,
      },
    };
    const span = tracer.startSpan(`Attempt ${message.routine}`, options, around);
    message.trace = this.#carried.fieldsOf(trace.setSpan(around, span), message.call.trace);
    (message as TracedAttempt)[this.#span] = span;
  }

  attemptEnded(message: AttemptMessage): void {
    const span = (message as TracedAttempt)[this.#span];
    if (span === undefined) return;
    (message as TracedAttempt)[this.#span] = undefined;
    const { worker, outcome, error } = message;
    if (worker !== undefined) span.setAttributes(workerAttributes(worker));
    if (outcome !== undefined) span.setAttribute(ATTRIBUTES.outcome, outcome);
    if (outcome === "failed") {
      span.setAttribute(ATTRIBUTES.errorType, this.#errorTypes.of(error));
      if (this.#errors.add(error) && !message.thrownByBody) span.recordException(asError(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error) });
    }
    span.end();
  }

  #spanOf(message: CallMessage): Span | undefined {
    return (message as TracedCall)[this.#span];
  }

  #fieldsOfUnsampled(active: Context, inherited: TraceContext | undefined): TraceContext | undefined {
    if (active instanceof UnreadContext) return active.fields;
    if (this.#unsampledContext !== active || this.#unsampledInherited !== inherited) {
      this.#unsampledContext = active;
      this.#unsampledInherited = inherited;
      this.#unsampledFields = this.#carried.fieldsOf(active, inherited);
    }
    return this.#unsampledFields;
  }
}

function isInUnsampledTrace(active: Context): boolean {
  if (active === ROOT_CONTEXT) return false;
  if (active instanceof UnreadContext) return isUnsampled(active.fields);
  const parent = trace.getSpanContext(active);
  return (
    parent !== undefined &&
    (parent.traceFlags & TraceFlags.SAMPLED) === 0 &&
    parent.traceId !== INVALID_TRACEID
  );
}
