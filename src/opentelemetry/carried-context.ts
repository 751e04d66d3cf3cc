/**
 * Trace context and baggage between OpenTelemetry's `Context` and the fields that travel with a call. Which fields these
 * are is for the propagator that the process has registered; fields that it knows nothing of are passed on.
 */
import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  type TextMapSetter,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import type { Surroundings } from "../telemetry/recorder.ts";
import type { TraceContext } from "../telemetry/trace-context.ts";
import { TraceOfIds } from "../telemetry/trace-of-ids.ts";

const SAMPLED: number = TraceFlags.SAMPLED;

const PARENT = "traceparent";
/** The fields of the W3C's trace context and baggage, which most propagators have. */
const W3C_FIELDS: readonly string[] = [PARENT, "tracestate", "baggage"];

/** How often a propagator is believed to do with ids alone what it has done before. */
const BELIEVED = 1_000;

/** What the SDK sets where spans are neither to be made nor to be passed on. */
const SUPPRESSED: symbol = createContextKey("OpenTelemetry SDK Context Key SUPPRESS_TRACING");

const GETTER: TextMapGetter<TraceContext> = {
  get: (fields, name) => fields.get(name.toLowerCase()),
  keys: (fields) => [...fields.keys()],
};

const SETTER: TextMapSetter<Map<string, string>> = {
  set: (fields, name, value) => void fields.set(name.toLowerCase(), value),
};

/**
 * Carries contexts. Of most of them only the ids of a span travel: once the propagator has been seen to make a
 * `traceparent` of these and nothing else, as that of the W3C does, it is asked for one of a thousand.
 */
export class CarriedContexts {
  #believedToInject = 0;
  #believedToExtract = 0;

  /**
   * The fields of a context.
   *
   * @param inherited Fields that would travel otherwise; those that the propagator does not know are taken over.
   * @returns Undefined if there are none.
   */
  fieldsOf(context: Context, inherited: TraceContext | undefined): TraceContext | undefined {
    const ids = inherited === undefined || inherited instanceof TraceOfIds ? idsAlone(context) : undefined;
    if (ids === undefined) return injected(context, inherited);
    if (this.#believedToInject > 0) {
      this.#believedToInject -= 1;
      return ids;
    }
    const fields = injected(context, inherited);
    const isBelieved = hasOnlyW3cFields() && fields?.size === 1 && fields.get(PARENT) === ids.get(PARENT);
    this.#believedToInject = isBelieved ? BELIEVED : 0;
    return fields;
  }

  /** The fields of the active context. @param inherited As above; it counts alone where no context is active. */
  present(inherited: TraceContext | undefined): TraceContext | undefined {
    const active = context.active();
    if (active === ROOT_CONTEXT) return inherited;
    return active instanceof UnreadContext ? active.fields : this.fieldsOf(active, inherited);
  }

  /** The context that fields stand for. */
  contextOf(fields: TraceContext | undefined): Context {
    if (fields === undefined) return ROOT_CONTEXT;
    if (!(fields instanceof TraceOfIds)) return extracted(fields);
    if (this.#believedToExtract > 0) {
      this.#believedToExtract -= 1;
      const { traceId, spanId, flags: traceFlags } = fields;
      return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
    }
    const context = extracted(fields);
    const isBelieved = hasOnlyW3cFields() && isOf(trace.getSpanContext(context), fields);
    this.#believedToExtract = isBelieved ? BELIEVED : 0;
    return context;
  }
}

/**
 * Whether fields say that their trace is not sampled. False where they do not say it in the way of the W3C.
 *
 * @see version-traceid-parentid-flags, of 2, 32, 16 and 2 digits: https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function isUnsampled(fields: TraceContext): boolean {
  if (fields instanceof TraceOfIds) return !fields.sampled;
  const parent = fields.get(PARENT);
  return (
    parent !== undefined && parent.length >= 55 && (Number.parseInt(parent.slice(53, 55), 16) & SAMPLED) === 0
  );
}

/**
 * The context of a task whose execution is left out, in which code runs that may never ask for it: the fields are read
 * when somebody does.
 */
export class UnreadContext implements Context, Surroundings {
  /** As they came. */
  readonly fields: TraceContext;
  readonly #carried: CarriedContexts;
  #context: Context | undefined;

  constructor(fields: TraceContext, carried: CarriedContexts) {
    this.fields = fields;
    this.#carried = carried;
  }

  run<R>(fn: () => R): R {
    return context.with(this, fn);
  }

  getValue(key: symbol): unknown {
    return this.#read().getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#read().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#read().deleteValue(key);
  }

  #read(): Context {
    this.#context ??= this.#carried.contextOf(this.fields);
    return this.#context;
  }
}

/** The ids of a context's span, if it has no baggage and nothing else that travels by the rules of the W3C. */
function idsAlone(context: Context): TraceOfIds | undefined {
  const span = trace.getSpanContext(context);
  if (span === undefined || span.traceState !== undefined) return undefined;
  if (propagation.getBaggage(context) !== undefined || context.getValue(SUPPRESSED) !== undefined)
    return undefined;
  return TraceOfIds.of(span.traceId, span.spanId, span.traceFlags);
}

function injected(context: Context, inherited: TraceContext | undefined): TraceContext | undefined {
  const fields = new Map<string, string>();
  propagation.inject(context, fields, SETTER);
  if (inherited !== undefined) {
    const known = propagation.fields();
    for (const [name, value] of inherited) if (!known.includes(name)) fields.set(name, value);
  }
  return fields.size === 0 ? undefined : fields;
}

function extracted(fields: TraceContext): Context {
  return propagation.extract(ROOT_CONTEXT, fields, GETTER);
}

/** A context whose span and baggage are those that fields stand for. */
export function extended(around: Context, fields: TraceContext): Context {
  return propagation.extract(around, fields, GETTER);
}

function hasOnlyW3cFields(): boolean {
  return propagation.fields().every((name) => W3C_FIELDS.includes(name.toLowerCase()));
}

function isOf(span: SpanContext | undefined, { traceId, spanId, flags }: TraceOfIds): boolean {
  return (
    span !== undefined &&
    span.traceId === traceId &&
    span.spanId === spanId &&
    span.traceFlags === flags &&
    span.isRemote === true &&
    span.traceState === undefined
  );
}
