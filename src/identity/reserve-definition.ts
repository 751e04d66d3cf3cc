/** What stands for a routine where resources are reserved in place of a call: in queues, refusals and rules of access. */
import type { RoutineDefinition } from "./routine-definition.ts";

/** Its identity, which no module can have. */
export const RESERVE = "merino:reserve";

/** The definition. It has no body that runs. */
export const RESERVE_DEFINITION: RoutineDefinition = {
  id: RESERVE,
  name: "reserve",
  module: undefined,
  kind: "function",
  body: () => undefined,
  declaredIn: undefined,
  timeoutMs: undefined,
  routine: {},
};
