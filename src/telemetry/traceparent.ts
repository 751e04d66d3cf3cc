/**
 * Reads the header field `traceparent`.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
import type { TraceContext, TraceIds } from "./trace-context.ts";

/** What is behind the flags may be there in versions after 00 only. */
const LAYOUT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|(-))/;
const SAMPLED = 1;
const ALL_ZERO = /^0+$/;

/** The ids in a trace context; `undefined` if there are none, or they break the rules of the W3C. */
export function traceIds(trace: TraceContext | undefined): TraceIds | undefined {
  const [, version, traceId = "", spanId = "", flags = "", more] =
    LAYOUT.exec(trace?.get("traceparent") ?? "") ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (ALL_ZERO.test(traceId) || ALL_ZERO.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}
