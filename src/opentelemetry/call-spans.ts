/**
 * The spans of calls, at their caller: of kind CLIENT, one for each call, however many workers it is offered. Puts the
 * context of the span into what travels with the call.
 */
import {
  type Context,
  context,
  INVALID_TRACEID,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import type { CallMessage, CallRefusal } from "../telemetry/call-message.ts";
import type { TraceContext } from "../telemetry/trace-context.ts";
import { ATTRIBUTES, codeAttributes, workerAttributes } from "./attributes.ts";
import { fieldsOf, UnreadContext } from "./carried-context.ts";
import { endSpan } from "./end-span.ts";
import { ErrorTypes } from "./error-type.ts";
import type { RecordedErrors } from "./recorded-errors.ts";
import { AllRoutineTraits } from "./routine-traits.ts";
import type { Tracers } from "./tracers.ts";

/** Listens to the channels of calls. */
export class CallSpans {
  readonly #tracers: Tracers;
  readonly #errors: RecordedErrors;
  readonly #errorTypes = new ErrorTypes();
  readonly #traits = new AllRoutineTraits();
  /** Of calls under way; those that are recorded only. */
  readonly #spans = new WeakMap<CallMessage, Span>();
  /** The context of the last call that was made in a trace that is not sampled: there are often many in one. */
  #unsampled: { readonly context: Context; readonly fields: TraceContext | undefined } | undefined;

  constructor(tracers: Tracers, errors: RecordedErrors) {
    this.#tracers = tracers;
    this.#errors = errors;
  }

  started(message: CallMessage): void {
    const active = context.active();
    const tracer = this.#tracers.current();
    if (tracer === undefined) {
      // A process that makes no spans still passes contexts on, as far as it knows them.
      if (active !== ROOT_CONTEXT) message.trace = fieldsOf(active, message.trace);
      return;
    }
    const traits = this.#traits.of(message.routine);
    const isUnsampled = isInUnsampledTrace(active);
    if (isUnsampled && traits.leavesOutUnsampled()) {
      message.trace = this.#unsampledFields(active, message.trace);
      return;
    }
    const options = { kind: SpanKind.CLIENT, attributes: traits.attributes };
    const span = tracer.startSpan(message.routine, options, active);
    message.trace = fieldsOf(trace.setSpan(active, span), message.trace);
    const isRecording = span.isRecording();
    if (isUnsampled) traits.noteUnsampled(isRecording);
    if (isRecording) this.#spans.set(message, span);
  }

  refused(message: CallMessage, refusal: CallRefusal): void {
    this.#spans.get(message)?.addEvent("refused", {
      [ATTRIBUTES.worker]: refusal.worker,
      [ATTRIBUTES.refusalCode]: refusal.code,
      [ATTRIBUTES.refusalReason]: refusal.reason,
    });
  }

  stepped(message: CallMessage): void {
    this.#spans.get(message)?.addEvent("step", { [ATTRIBUTES.step]: message.steps });
  }

  ended(message: CallMessage): void {
    const span = this.#spans.get(message);
    const isNew = message.outcome === "failed" && this.#errors.add(message.error);
    if (span === undefined) return;
    this.#spans.delete(message);
    endSpan(span, message, {
      attributes: {
        ...workerAttributes(message.worker),
        ...codeAttributes(message),
        ...(message.id !== undefined && { [ATTRIBUTES.task]: message.id }),
        [ATTRIBUTES.attempts]: message.attempts,
      },
      errorTypes: this.#errorTypes,
      // What a body has thrown stands on the span of its execution.
      recordError: () => isNew && !message.thrownByBody,
    });
  }

  #unsampledFields(active: Context, inherited: TraceContext | undefined): TraceContext | undefined {
    if (active instanceof UnreadContext) return active.fields;
    if (this.#unsampled?.context !== active) {
      this.#unsampled = { context: active, fields: fieldsOf(active, inherited) };
    }
    return this.#unsampled.fields;
  }
}

function isInUnsampledTrace(active: Context): boolean {
  if (active === ROOT_CONTEXT) return false;
  if (active instanceof UnreadContext) return true;
  const parent = trace.getSpanContext(active);
  return (
    parent !== undefined &&
    (parent.traceFlags & TraceFlags.SAMPLED) === 0 &&
    parent.traceId !== INVALID_TRACEID
  );
}
