/** What stands for a routine where a stream is taken that another worker gives, in place of a call. */
import type { RoutineDefinition } from "./routine-definition.ts";

/** The definition. It has no body that runs, and no module can have its identity. */
export const TAKE_DEFINITION: RoutineDefinition = {
  id: "merino:take",
  name: "take",
  module: undefined,
  kind: "function",
  body: () => undefined,
  declaredIn: undefined,
  timeoutMs: undefined,
  routine: {},
};
