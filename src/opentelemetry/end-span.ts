/** The end of a span of either side: attributes that only the end tells, what went wrong, status. */
import { type Attributes, type Span, SpanStatusCode } from "@opentelemetry/api";
import { asError, errorText } from "../internal/error-text.ts";
import { ATTRIBUTES } from "./attributes.ts";
import type { ErrorTypes } from "./error-type.ts";

/** What is over. */
export interface Ended {
  readonly streaming: boolean;
  readonly steps: number;
  readonly tag: string | undefined;
  readonly queuedMs: number | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number;
  readonly outcome: string | undefined;
  readonly error: unknown;
}

/**
 * Ends a span that is recorded.
 *
 * @param recordError Whether the error, if there is one, is to stand on this span with its stack.
 */
export function endSpan(
  span: Span,
  ended: Ended,
  more: {
    readonly attributes: Attributes;
    readonly errorTypes: ErrorTypes;
    readonly recordError: () => boolean;
  },
): void {
  const { streaming, steps, tag, queuedMs, requestBytes, responseBytes, outcome, error } = ended;
  span.setAttributes({
    ...more.attributes,
    ...(tag !== undefined && { [ATTRIBUTES.tag]: tag }),
    ...(streaming && { [ATTRIBUTES.steps]: steps }),
    ...(queuedMs !== undefined && { [ATTRIBUTES.queued]: queuedMs / 1_000 }),
    ...(requestBytes !== undefined && { [ATTRIBUTES.requestSize]: requestBytes }),
    [ATTRIBUTES.responseSize]: responseBytes,
    ...(outcome !== undefined && { [ATTRIBUTES.outcome]: outcome }),
  });
  if (outcome === "failed") {
    span.setAttribute(ATTRIBUTES.errorType, more.errorTypes.of(error));
    if (more.recordError()) span.recordException(asError(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error) });
  }
  span.end();
}
