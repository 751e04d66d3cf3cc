/**
 * What the channels of `merino:call` tell of a call that is handed to nobody, for example since no pool is open: it
 * begins and has failed. Of those that are, `client/call/call-record.ts` tells.
 */
import type { CallOptions } from "../context/dispatcher.ts";
import { currentScope } from "../context/scope.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { CallMessage, CallOutcome } from "../telemetry/call-message.ts";
import { callChannel } from "../telemetry/channels.ts";
import { startDebugLog } from "../telemetry/debug-log.ts";
import { OperationMessages } from "../telemetry/operation-messages.ts";

/** Tells of it. @param options As given to `with()`; they may be what is wrong with the call. */
export function tellOfUnmadeCall(
  definition: RoutineDefinition,
  options: CallOptions | undefined,
  error: unknown,
): void {
  startDebugLog();
  if (!callChannel.hasSubscribers) return;
  const scope = currentScope();
  const isKnown = definition.declaration !== undefined;
  const tag: unknown = options?.tag ?? scope?.callOptions?.tag;
  const priority: unknown = options?.priority ?? scope?.callOptions?.priority;
  const message: CallMessage & { outcome: CallOutcome | undefined; error: unknown } = {
    routine: definition.id,
    functionName: isKnown ? definition.name : "",
    module: (isKnown ? definition.module : undefined) ?? "",
    tag: typeof tag === "string" ? tag : undefined,
    priority: typeof priority === "number" ? priority : 0,
    nested: scope?.task !== undefined,
    streaming: definition.kind === "generator",
    id: undefined,
    worker: undefined,
    attempts: 0,
    queuedMs: undefined,
    requestBytes: undefined,
    responseBytes: 0,
    steps: 0,
    outcome: undefined,
    error: undefined,
    thrownByBody: false,
    trace: scope?.traceContext,
  };
  const messages = new OperationMessages(callChannel, message);
  messages.begin(() => {
    message.outcome = "failed";
    message.error = error;
    messages.over(true);
  });
}
