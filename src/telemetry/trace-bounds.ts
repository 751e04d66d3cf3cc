/**
 * What of a trace context travels. A sender leaves one that is too large behind whole; of one that has come from a peer,
 * fields beyond the bounds, and those that are no header fields, are left out.
 */
import { warnOnce } from "../internal/warn-once.ts";
import type { TraceContext } from "./trace-context.ts";

/** Fields of one trace context. */
export const MAX_TRACE_FIELDS = 32;
/** Bytes of their names and values together. The W3C asks for 512 of `tracestate` and 8192 of `baggage` at least. */
export const MAX_TRACE_BYTES = 8192;

/** A token as HTTP has it, in lower case. */
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
/** Neither control characters nor halves of surrogate pairs. */
const VALUE = /^[^\p{Cc}\p{Cs}]*$/u;

/** Whether it is a field of a header: no other travels. */
export function isTraceField(name: string, value: string): boolean {
  return NAME.test(name) && VALUE.test(value);
}

/** Bytes of one field. */
export function traceFieldBytes(name: string, value: string): number {
  return name.length + Buffer.byteLength(value);
}

/** A copy of a trace context, as it travels; `undefined`, and a warning the first time, for one that does not. */
export function traceToSend(trace: TraceContext | undefined): TraceContext | undefined {
  if (trace === undefined) return undefined;
  const sent = new Map<string, string>();
  let bytes = 0;
  for (const [name, value] of trace) {
    const lower = String(name).toLowerCase();
    const text = String(value);
    if (!isTraceField(lower, text)) return leaveBehind("a field of it is no field of a header");
    bytes += traceFieldBytes(lower, text);
    sent.set(lower, text);
  }
  if (sent.size > MAX_TRACE_FIELDS) return leaveBehind(`it has more than ${MAX_TRACE_FIELDS} fields`);
  if (bytes > MAX_TRACE_BYTES) return leaveBehind(`it has more than ${MAX_TRACE_BYTES} bytes`);
  return sent.size === 0 ? undefined : sent;
}

function leaveBehind(why: string): undefined {
  warnOnce("MERINO_TRACE_LEFT_BEHIND", `The trace context of a call stays behind: ${why}`);
}
