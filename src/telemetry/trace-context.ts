/**
 * The trace context of a call as it travels: header fields by their names in lower case, such as `traceparent`,
 * `tracestate` and `baggage` of the W3C. The library carries them and reads only the ids out of `traceparent`.
 */

/** The fields by name. */
export type TraceContext = ReadonlyMap<string, string>;

/** The ids that stand in a `traceparent`. */
export interface TraceIds {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Whether the trace is recorded. */
  readonly sampled: boolean;
}
