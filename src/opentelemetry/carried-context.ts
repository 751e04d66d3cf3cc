/**
 * Trace context and baggage between OpenTelemetry's `Context` and the fields that travel with a call. Which fields these
 * are is for the propagator that the process has registered; fields that it knows nothing of are passed on.
 */
import {
  type Context,
  propagation,
  ROOT_CONTEXT,
  type TextMapGetter,
  type TextMapSetter,
  TraceFlags,
} from "@opentelemetry/api";
import type { TraceContext } from "../telemetry/trace-context.ts";

const SAMPLED: number = TraceFlags.SAMPLED;

const GETTER: TextMapGetter<TraceContext> = {
  get: (fields, name) => fields.get(name.toLowerCase()),
  keys: (fields) => [...fields.keys()],
};

const SETTER: TextMapSetter<Map<string, string>> = {
  set: (fields, name, value) => void fields.set(name.toLowerCase(), value),
};

/**
 * The fields of a context.
 *
 * @param inherited Fields that would travel otherwise; those that the propagator does not know are taken over.
 * @returns Undefined if there are none.
 */
export function fieldsOf(context: Context, inherited: TraceContext | undefined): TraceContext | undefined {
  const fields = new Map<string, string>();
  propagation.inject(context, fields, SETTER);
  if (inherited !== undefined) {
    const known = propagation.fields();
    for (const [name, value] of inherited) if (!known.includes(name)) fields.set(name, value);
  }
  return fields.size === 0 ? undefined : fields;
}

/** The context that fields stand for. */
export function contextOf(fields: TraceContext | undefined): Context {
  return fields === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, fields, GETTER);
}

/**
 * Whether fields say that their trace is not sampled. False where they do not say it in the way of the W3C.
 *
 * @see version-traceid-parentid-flags, of 2, 32, 16 and 2 digits: https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function isUnsampled(fields: TraceContext): boolean {
  const parent = fields.get("traceparent");
  return (
    parent !== undefined && parent.length >= 55 && (Number.parseInt(parent.slice(53, 55), 16) & SAMPLED) === 0
  );
}

/**
 * The context of a trace that is not sampled, in which code runs that may never ask for it: the fields are read when
 * somebody does.
 */
export class UnreadContext implements Context {
  /** As they came. */
  readonly fields: TraceContext;
  #context: Context | undefined;

  constructor(fields: TraceContext) {
    this.fields = fields;
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
    this.#context ??= contextOf(this.fields);
    return this.#context;
  }
}
