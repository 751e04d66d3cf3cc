/**
 * The numbers of the value format: header, extension types, view kinds, limits. Writer and
 * reader both take them from here, and `README.md` in this folder is their documentation. A number once
 * released is never given another meaning; additions take new numbers.
 */

/** First byte of every payload: the format's version in bits 3 to 6, flags in bits 0 to 2. */
export const HEADER_PLAIN = 0x08;
/** The payload contains back references, so the reader has to number the objects it makes. */
export const HEADER_REFERENCES = 0x09;

/**
 * Containers inside containers that a value may have. Two thirds of a Node thread's default stack are enough
 * for it in the interpreter, which uses the most, on either side.
 */
export const MAX_DEPTH = 1000;

/** Binary of at least this many bytes travels beside the message instead of in it. */
export const PART_THRESHOLD_BYTES = 65_536;

/**
 * Text of at least this many UTF-16 code units may travel as them, or in Latin-1, instead of as UTF-8. Shorter text never
 * does, so that a text which the engine takes for an index has one form only.
 */
export const UNIT_TEXT_LENGTH = 64;

/** MessagePack extension types of the format. Two-digit names of the table in `README.md`. */
export const Extension = {
  UNDEFINED: 0x00,
  REFERENCE: 0x01,
  UTF16: 0x02,
  BIGINT: 0x03,
  DATE: 0x04,
  REGEXP: 0x05,
  MAP: 0x06,
  SET: 0x07,
  HOLES: 0x08,
  ARRAY_WITH_FIELDS: 0x09,
  NULL_OBJECT: 0x0a,
  BUFFER: 0x0b,
  VIEW_BYTES: 0x0c,
  PART: 0x0d,
  VIEW: 0x0e,
  BOXED: 0x0f,
  URL: 0x10,
  URL_SEARCH_PARAMS: 0x11,
  ERROR: 0x12,
  INSTANCE: 0x13,
  CLASS: 0x14,
  ROUTINE: 0x15,
  SIGNAL: 0x16,
  VIEW_PART: 0x17,
  CLASS_OF_COPY: 0x18,
  TAINTED_ROUTINE: 0x19,
  LATIN1: 0x1a,
  ATTACHMENT: 0x1b,
  FILE: 0x1c,
  FLOW: 0x1d,
  BLOB: 0x1e,
  HEADERS: 0x1f,
  FORM_DATA: 0x20,
  REQUEST: 0x21,
  RESPONSE: 0x22,
  INTL: 0x23,
  TEMPORAL: 0x24,
} as const;

/** What a FLOW stands for; the numbers travel. */
export const FlowKind = {
  /** An async iterable. */
  ITERABLE: 0,
  /** A `ReadableStream`. */
  READABLE: 1,
  /** A `WritableStream`. */
  WRITABLE: 2,
  /** A `callback()`. */
  CALLBACK: 3,
} as const;
export type FlowKind = (typeof FlowKind)[keyof typeof FlowKind];

/** Where the class named in an error comes from. */
export const ErrorOrigin = {
  /** A class of the language or the platform, by name. */
  BUILT_IN: 0,
  /** A class of Merino's catalogue, by name. */
  MERINO: 1,
  /** A portable class, by reference; its fields follow. */
  PORTABLE: 2,
  /** A portable class with hooks, by reference; the encoded value follows. */
  HOOKED: 3,
  /** A class nobody registered, by name. */
  UNKNOWN: 4,
} as const;

/** Error classes of the language and the platform, which travel by name. A reader without one makes a `RemoteError`. */
export const BUILT_IN_ERRORS: readonly string[] = [
  "Error",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
  "AggregateError",
  "SuppressedError",
  "DOMException",
  "QuotaExceededError",
  "AssertionError",
  "CompileError",
  "LinkError",
  "RuntimeError",
];

/** View classes in the order of their numbers on the wire. `Buffer` is a `Uint8Array` that arrives as Node's `Buffer`. */
export const VIEW_KINDS = [
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
  "Buffer",
] as const;

/** The number of a view class. */
export const VIEW_KIND_NUMBERS: ReadonlyMap<string, number> = new Map(
  VIEW_KINDS.map((name, index) => [name, index]),
);

/** Classes of `Intl` in the order of their numbers on the wire. */
export const INTL_KINDS = [
  "Collator",
  "DateTimeFormat",
  "DisplayNames",
  "DurationFormat",
  "ListFormat",
  "Locale",
  "NumberFormat",
  "PluralRules",
  "RelativeTimeFormat",
  "Segmenter",
] as const;
export type IntlKind = (typeof INTL_KINDS)[number];

/** Classes of `Temporal` in the order of their numbers on the wire. */
export const TEMPORAL_KINDS = [
  "Instant",
  "ZonedDateTime",
  "PlainDate",
  "PlainTime",
  "PlainDateTime",
  "PlainYearMonth",
  "PlainMonthDay",
  "Duration",
] as const;
export type TemporalKind = (typeof TEMPORAL_KINDS)[number];

/** The fields of a `Temporal.Duration` in their order on the wire. */
export const DURATION_FIELDS = [
  "years",
  "months",
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds",
] as const;
