/** The end of a span of either side: attributes that only the end tells, what went wrong, status. */
import { type Attributes, type Span, SpanStatusCode } from "@opentelemetry/api";
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
  readonly queuedMs: number | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number;
  readonly outcome: string | undefined;
  readonly error: unknown;
}

/**
 * Ends a span that is recorded.
 *
 * @param attributes Those of its side; the others are added to them.
 * @param recordError Whether the error, if there is one, is to stand on this span with its stack.
 */
export function endSpan(
  span: Span,
  ended: Ended,
  more: {
    readonly attributes: Attributes;
    readonly traits: RoutineTraits;
    readonly errorTypes: ErrorTypes;
    readonly recordError: () => boolean;
  },
): void {
  const { attributes } = more;
  const { functionName, id, tag, queuedMs, requestBytes, outcome } = ended;
  if (functionName !== "") attributes[ATTRIBUTES.functionName] = functionName;
  const path = more.traits.pathOf(ended.module);
  if (path !== "") attributes[ATTRIBUTES.filePath] = path;
  if (id !== undefined) attributes[ATTRIBUTES.task] = id;
  if (tag !== undefined) attributes[ATTRIBUTES.tag] = tag;
  if (ended.streaming) attributes[ATTRIBUTES.steps] = ended.steps;
  if (queuedMs !== undefined) attributes[ATTRIBUTES.queued] = queuedMs / 1_000;
  if (requestBytes !== undefined) attributes[ATTRIBUTES.requestSize] = requestBytes;
  attributes[ATTRIBUTES.responseSize] = ended.responseBytes;
  if (outcome !== undefined) attributes[ATTRIBUTES.outcome] = outcome;
  if (outcome === "failed") attributes[ATTRIBUTES.errorType] = more.errorTypes.of(ended.error);
  span.setAttributes(attributes);
  if (outcome === "failed") {
    if (more.recordError()) span.recordException(asError(ended.error));
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(ended.error) });
  }
  span.end();
}
