/** What the library tells on its channels, part by part, until it is disposed of. */
import { channel, tracingChannel } from "node:diagnostics_channel";

const PARTS = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;

/** The parts of an operation that completes, in order. */
export const COMPLETED: readonly string[] = ["start", "end", "asyncStart", "asyncEnd"];
/** Of one that fails. */
export const FAILED: readonly string[] = ["start", "end", "error", "asyncStart", "asyncEnd"];

/** What a tracing channel tells. */
export interface FollowedTracing<M> extends Disposable {
  readonly told: readonly { readonly part: string; readonly message: M }[];
  /** Names of the parts told, in order. */
  parts(): string[];
}

/** Follows a tracing channel. */
export function followTracing<M extends object>(name: string): FollowedTracing<M> {
  const told: { readonly part: string; readonly message: M }[] = [];
  const tracing = tracingChannel(name);
  const handlers = Object.fromEntries(
    PARTS.map((part) => [part, (message: unknown) => void told.push({ part, message: message as M })]),
  ) as Record<(typeof PARTS)[number], (message: unknown) => void>;
  tracing.subscribe(handlers);
  return {
    told,
    parts: () => told.map(({ part }) => part),
    [Symbol.dispose]: () => void tracing.unsubscribe(handlers),
  };
}

/** Follows a channel. */
export function followChannel<M>(name: string): Disposable & { readonly told: readonly M[] } {
  const told: M[] = [];
  const handler = (message: unknown): void => void told.push(message as M);
  channel(name).subscribe(handler);
  return { told, [Symbol.dispose]: () => void channel(name).unsubscribe(handler) };
}
