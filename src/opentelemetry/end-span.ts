/** The end of a span of either side: attributes that only the end tells, what went wrong, status. */
import { type Span, SpanStatusCode } from "@opentelemetry/api";
import { asError, errorText } from "../internal/error-text.ts";
import { ATTRIBUTES } from "./attributes.ts";
import type { ErrorTypes } from "./error-type.ts";
import type { RoutineTraits } from "./routine-traits.ts";

/** What is over. */
export interface Ended {
  readonly functionName: string;
  readonly module: string;
  readonly id: string | undefined;
  readonly streaming: boolean;
  readonly steps: number;
  readonly tag: string | undefined;
  readonly priority: number;
  readonly queuedMs: number | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number;
  readonly outcome: string | undefined;
  readonly error: unknown;
}

/**
 * Ends a span that is recorded. Its attributes are set in an object that is written in one piece, since one that grows
 * costs more than the span.
 *
 * @param recordError Whether the error, if there is one, is to stand on this span with its stack.
 */
export function endSpan(
  span: Span,
  ended: Ended,
  more: {
    readonly traits: RoutineTraits;
    readonly errorTypes: ErrorTypes;
    readonly recordError: () => boolean;
  },
): void {
  const { error, functionName, id, queuedMs, requestBytes, responseBytes, outcome } = ended;
  const path = more.traits.pathOf(ended.module);
  // What is undefined is no attribute.
  span.setAttributes({
    [ATTRIBUTES.functionName]: functionName === "" ? undefined : functionName,
    [ATTRIBUTES.filePath]: path === "" ? undefined : path,
    [ATTRIBUTES.task]: id,
    [ATTRIBUTES.queued]: queuedMs === undefined ? undefined : queuedMs / 1_000,
    [ATTRIBUTES.requestSize]: requestBytes,
    [ATTRIBUTES.responseSize]: responseBytes,
    [ATTRIBUTES.outcome]: outcome,
  });
  if (ended.tag !== undefined) span.setAttribute(ATTRIBUTES.tag, ended.tag);
  if (ended.priority !== 0) span.setAttribute(ATTRIBUTES.priority, ended.priority);
  if (ended.streaming) span.setAttribute(ATTRIBUTES.steps, ended.steps);
  if (outcome === "failed") {
    span.setAttribute(ATTRIBUTES.errorType, more.errorTypes.of(error));
    if (more.recordError()) span.recordException(asError(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error) });
  }
  span.end();
}
