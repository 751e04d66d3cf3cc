/**
 * What of a trace context travels. A sender leaves behind what is too much, the ids of the trace last of all; of one that
 * has come from a peer, fields beyond the bounds, and those that are no header fields, are left out.
 */
import { warnOnce } from "../internal/warn-once.ts";
import type { TraceContext } from "./trace-context.ts";
import { TraceOfIds } from "./trace-of-ids.ts";

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

/** Without these a trace ends here, so that they have room before all others. */
const IDS: readonly string[] = ["traceparent", "tracestate"];
/** A list, of which as many members travel as there is room for. */
const BAGGAGE = "baggage";

/**
 * A trace context as it travels, in a copy unless it cannot change. What does not travel stays behind, with a warning the
 * first time: fields that are none of a header, those for which there is no room, and of baggage the members at its end.
 *
 * @returns Undefined if nothing travels.
 * @see Baggage is cut between its members: https://www.w3.org/TR/baggage/#limits
 */
export function traceToSend(trace: TraceContext | undefined): TraceContext | undefined {
  if (trace === undefined || trace instanceof TraceOfIds) return trace;
  const fields = new Map<string, string>();
  for (const [name, value] of trace) {
    const lower = String(name).toLowerCase();
    const text = String(value);
    if (isTraceField(lower, text)) fields.set(lower, text);
    else leaveBehind("a field of it is no field of a header");
  }
  if (fields.size === 0) return undefined;
  const bytes = bytesOf(fields);
  if (fields.size <= MAX_TRACE_FIELDS && bytes <= MAX_TRACE_BYTES) return fields;
  leaveBehind(
    `it has ${fields.size} fields of ${bytes} bytes, of which ${MAX_TRACE_FIELDS} and ${MAX_TRACE_BYTES} travel`,
  );
  return whatFits(fields);
}

function bytesOf(fields: TraceContext): number {
  let bytes = 0;
  for (const [name, value] of fields) bytes += traceFieldBytes(name, value);
  return bytes;
}

function whatFits(fields: TraceContext): TraceContext | undefined {
  const sent = new Map<string, string>();
  let left = MAX_TRACE_BYTES;
  const others = [...fields.keys()].filter((name) => !IDS.includes(name) && name !== BAGGAGE);
  for (const name of [...IDS, ...others, BAGGAGE]) {
    const value = fields.get(name);
    if (value === undefined || sent.size === MAX_TRACE_FIELDS) continue;
    const sentValue = name === BAGGAGE ? membersWithin(value, left - name.length) : value;
    const bytes = traceFieldBytes(name, sentValue);
    if (bytes > left || (sentValue === "" && value !== "")) continue;
    left -= bytes;
    sent.set(name, sentValue);
  }
  return sent.size === 0 ? undefined : sent;
}

/** The first members of a list, as many as fit. */
function membersWithin(list: string, limitBytes: number): string {
  if (Buffer.byteLength(list) <= limitBytes) return list;
  let bytes = 0;
  let end = 0;
  for (const member of list.split(",")) {
    bytes += Buffer.byteLength(member) + (end === 0 ? 0 : 1);
    if (bytes > limitBytes) break;
    end += member.length + (end === 0 ? 0 : 1);
  }
  return list.slice(0, end);
}

function leaveBehind(what: string): void {
  warnOnce("MERINO_TRACE_LEFT_BEHIND", `A part of the trace context of a call stays behind: ${what}`);
}
