/** What a call fails with that no worker takes. */
import { NoWorkersAvailableError } from "../../errors/no-workers-available-error.ts";
import type { Call } from "../call/call.ts";
import type { Members } from "../placement/placement.ts";

/** Says what the workers that were asked have answered, or why none was asked. */
export function noTakerError(call: Call, members: Members): Error {
  return call.refusals?.toError(call.definition) ?? new NoWorkersAvailableError(members.whyNone());
}
