/**
 * The trace context of a Task or a Flow, an entry of a map for each of its fields. One that is a `traceparent` alone, as most are,
 * is written and read without making anything of it but its ids.
 */
import { Buffer } from "node:buffer";
import {
  isTraceField,
  MAX_TRACE_BYTES,
  MAX_TRACE_FIELDS,
  traceFieldBytes,
} from "../../telemetry/trace-bounds.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import { isTraceparent, TRACEPARENT_LENGTH, TraceOfIds } from "../../telemetry/trace-of-ids.ts";
import { EntryTag } from "../protobuf/entry-tag.ts";
import { FieldScanner } from "../protobuf/field-scanner.ts";
import { readText, textSize, writeText } from "../protobuf/text.ts";
import { varintSize, writeVarint } from "../protobuf/varint.ts";
import { TaskTag } from "../tags.ts";

const NAME = "traceparent";
/** Of an entry that is a `traceparent` as spans have it, what comes before its value: its length, its key, the value's length. */
const BEFORE_VALUE: readonly number[] = [
  2 + NAME.length + 2 + TRACEPARENT_LENGTH,
  EntryTag.Key,
  NAME.length,
  ...Buffer.from(NAME),
  EntryTag.Value,
  TRACEPARENT_LENGTH,
];
/** Bytes of such an entry, its tag not counted. */
const ENTRY_OF_IDS = BEFORE_VALUE.length + TRACEPARENT_LENGTH;

/** Bytes that a trace context takes up in a Task, and in a Flow, where it has the same number. */
export function traceSize(trace: TraceContext): number {
  if (trace instanceof TraceOfIds) return 2 + ENTRY_OF_IDS;
  let size = 0;
  for (const [name, value] of trace) size += 2 + delimited(entrySize(name, value));
  return size;
}

/** Writes it, and returns the position after it. */
export function writeTrace(bytes: Buffer, position: number, trace: TraceContext): number {
  let at = position;
  if (trace instanceof TraceOfIds) {
    at = writeVarint(bytes, at, TaskTag.Trace);
    for (let index = 0; index < BEFORE_VALUE.length; index++) bytes[at++] = BEFORE_VALUE[index] as number;
    return trace.write(bytes, at);
  }
  for (const [name, value] of trace) {
    at = writeVarint(bytes, at, TaskTag.Trace);
    at = writeVarint(bytes, at, entrySize(name, value));
    at = writeFullText(bytes, at, EntryTag.Key, name);
    at = writeFullText(bytes, at, EntryTag.Value, value);
  }
  return at;
}

/** Whether an entry of ids lies at the scanner's position, behind its tag; it is skipped then. */
export function skipTraceOfIds(scanner: FieldScanner): boolean {
  const { bytes, position } = scanner;
  if (scanner.end - position < ENTRY_OF_IDS) return false;
  for (let index = 0; index < BEFORE_VALUE.length; index++) {
    if (bytes[position + index] !== BEFORE_VALUE[index]) return false;
  }
  if (!isTraceparent(bytes, position + BEFORE_VALUE.length)) return false;
  scanner.position = position + ENTRY_OF_IDS;
  return true;
}

/** The trace context of an entry that {@link skipTraceOfIds} has skipped. @param end Where it ends. */
export function readTraceOfIds(bytes: Uint8Array, end: number): TraceOfIds {
  const start = end - TRACEPARENT_LENGTH;
  return TraceOfIds.fromText(
    Buffer.isBuffer(bytes) ? bytes.toString("latin1", start, end) : readText(bytes, start, end),
  );
}

/**
 * Decodes the trace context of a message that has been checked, up to its bounds and without what are no fields of a header.
 * Of two entries of one name the last counts.
 */
export function readTrace(source: Uint8Array, start: number, end: number): TraceContext | undefined {
  let fields = 0;
  let bytes = 0;
  const trace = new Map<string, string>();
  const scanner = new FieldScanner();
  scanner.reset(source, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag !== TaskTag.Trace) {
      scanner.skip(tag);
      continue;
    }
    const [name, value] = scanner.entry();
    fields += 1;
    bytes += traceFieldBytes(name, value);
    if (fields > MAX_TRACE_FIELDS || bytes > MAX_TRACE_BYTES) break;
    if (isTraceField(name, value)) trace.set(name, value);
  }
  return trace.size === 0 ? undefined : trace;
}

/** An entry of a map has both of its fields, also empty ones. */
function entrySize(name: string, value: string): number {
  return 2 + delimited(textSize(name)) + delimited(textSize(value));
}

function delimited(size: number): number {
  return varintSize(size) + size;
}

function writeFullText(bytes: Buffer, position: number, tag: number, text: string): number {
  bytes[position] = tag;
  return writeText(bytes, writeVarint(bytes, position + 1, textSize(text)), text);
}
