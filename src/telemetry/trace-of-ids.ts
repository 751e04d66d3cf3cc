/**
 * A trace context that is a `traceparent` and nothing else, as most are: kept as its ids, so that a call that is not
 * traced makes no map and no text for it. It has been checked, and never changes.
 *
 * @see version-traceid-parentid-flags: https://www.w3.org/TR/trace-context/#traceparent-header
 */
import { processWide } from "../internal/process-wide.ts";
import type { TraceContext } from "./trace-context.ts";

/** The one field. */
const NAME = "traceparent";
/** Characters of a value of version 00. */
export const TRACEPARENT_LENGTH = 55;

const TRACE_ID_START = 3;
const TRACE_ID_END = 35;
const SPAN_ID_START = 36;
const SPAN_ID_END = 52;
const FLAGS_START = 53;

const SAMPLED = 1;
const ZERO = 0x30;
const DASH = 0x2d;

/** By the code of a character: its value as a hexadecimal digit in lower case, or `NO_DIGIT`. */
const DIGITS: Uint8Array = new Uint8Array(256).fill(0xff);
const NO_DIGIT = 0xff;
for (let value = 0; value < 16; value++) DIGITS[value.toString(16).charCodeAt(0)] = value;

/** The trace id that was looked at last: a request makes several calls, as a rule. */
let validTraceId = "";

class Ids implements TraceContext {
  /** The eight bits behind the ids. */
  readonly flags: number;
  #text: string | undefined;
  #traceId: string;
  #spanId: string;

  private constructor(text: string | undefined, traceId: string, spanId: string, flags: number) {
    this.#text = text;
    this.#traceId = traceId;
    this.#spanId = spanId;
    this.flags = flags;
  }

  /** That of a span. @returns Undefined if these are no ids. */
  static of(traceId: string, spanId: string, flags: number): Ids | undefined {
    if (traceId !== validTraceId) {
      if (!isId(traceId, TRACE_ID_END - TRACE_ID_START)) return undefined;
      validTraceId = traceId;
    }
    return isId(spanId, SPAN_ID_END - SPAN_ID_START) && Number.isInteger(flags) && flags >= 0 && flags <= 0xff
      ? new Ids(undefined, traceId, spanId, flags)
      : undefined;
  }

  /** Of a value of `traceparent` that {@link isTraceparent} has accepted. */
  static fromText(text: string): Ids {
    const high = DIGITS[text.charCodeAt(FLAGS_START)] as number;
    const low = DIGITS[text.charCodeAt(FLAGS_START + 1)] as number;
    return new Ids(text, "", "", (high << 4) | low);
  }

  /** Whether the trace is recorded. */
  get sampled(): boolean {
    return (this.flags & SAMPLED) !== 0;
  }

  get traceId(): string {
    if (this.#traceId === "") this.#traceId = this.#whole.slice(TRACE_ID_START, TRACE_ID_END);
    return this.#traceId;
  }

  get spanId(): string {
    if (this.#spanId === "") this.#spanId = this.#whole.slice(SPAN_ID_START, SPAN_ID_END);
    return this.#spanId;
  }

  /** Writes the value. @returns The position after it. */
  write(bytes: Uint8Array, position: number): number {
    const text = this.#text;
    if (text !== undefined) return writeAscii(bytes, position, text);
    bytes[position] = ZERO;
    bytes[position + 1] = ZERO;
    bytes[position + TRACE_ID_START - 1] = DASH;
    writeAscii(bytes, position + TRACE_ID_START, this.#traceId);
    bytes[position + TRACE_ID_END] = DASH;
    writeAscii(bytes, position + SPAN_ID_START, this.#spanId);
    bytes[position + SPAN_ID_END] = DASH;
    bytes[position + FLAGS_START] = digitOf(this.flags >>> 4);
    bytes[position + FLAGS_START + 1] = digitOf(this.flags & 0xf);
    return position + TRACEPARENT_LENGTH;
  }

  get size(): number {
    return 1;
  }

  get(name: string): string | undefined {
    return name === NAME ? this.#whole : undefined;
  }

  has(name: string): boolean {
    return name === NAME;
  }

  forEach(
    callback: (value: string, name: string, trace: ReadonlyMap<string, string>) => void,
    receiver?: unknown,
  ): void {
    callback.call(receiver, this.#whole, NAME, this);
  }

  entries(): MapIterator<[string, string]> {
    return new Map([[NAME, this.#whole]]).entries();
  }

  keys(): MapIterator<string> {
    return new Map([[NAME, this.#whole]]).keys();
  }

  values(): MapIterator<string> {
    return new Map([[NAME, this.#whole]]).values();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }

  get #whole(): string {
    this.#text ??= `00-${this.#traceId}-${this.#spanId}-${this.flags.toString(16).padStart(2, "0")}`;
    return this.#text;
  }
}

/**
 * The trace context of a span: of one class for all copies of the package, and for `merino/opentelemetry`, which is built
 * apart and makes most of them.
 */
export const TraceOfIds: typeof Ids = processWide("telemetry.trace-of-ids", () => Ids);
export type TraceOfIds = Ids;

/** Whether bytes are a value of version 00 with valid ids. There are {@link TRACEPARENT_LENGTH} at that place. */
export function isTraceparent(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start] === ZERO &&
    bytes[start + 1] === ZERO &&
    bytes[start + TRACE_ID_START - 1] === DASH &&
    isIdIn(bytes, start + TRACE_ID_START, start + TRACE_ID_END) &&
    bytes[start + TRACE_ID_END] === DASH &&
    isIdIn(bytes, start + SPAN_ID_START, start + SPAN_ID_END) &&
    bytes[start + SPAN_ID_END] === DASH &&
    DIGITS[bytes[start + FLAGS_START] as number] !== NO_DIGIT &&
    DIGITS[bytes[start + FLAGS_START + 1] as number] !== NO_DIGIT
  );
}

/** Whether it is as many digits, not all zero. */
function isId(text: string, length: number): boolean {
  if (text.length !== length) return false;
  let any = 0;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    const digit = code < 256 ? (DIGITS[code] as number) : NO_DIGIT;
    if (digit === NO_DIGIT) return false;
    any |= digit;
  }
  return any !== 0;
}

/** As {@link isId}. */
function isIdIn(bytes: Uint8Array, start: number, end: number): boolean {
  let any = 0;
  for (let at = start; at < end; at++) {
    const digit = DIGITS[bytes[at] as number] as number;
    if (digit === NO_DIGIT) return false;
    any |= digit;
  }
  return any !== 0;
}

function digitOf(value: number): number {
  return value < 10 ? ZERO + value : 0x57 + value; // "a" is 0x61
}

function writeAscii(bytes: Uint8Array, position: number, text: string): number {
  for (let at = 0; at < text.length; at++) bytes[position + at] = text.charCodeAt(at);
  return position + text.length;
}
