/** The routines that this process has, methods of classes among them. */
import { routinesOf } from "../identity/registry.ts";
import type { DeclaredRoutine } from "../identity/routine-definition.ts";
import { bindMethods } from "./method-routine.ts";

/** The routines of an identity, one per copy of their package. */
export function knownRoutines(id: string): readonly DeclaredRoutine[] {
  bindMethods(id);
  return routinesOf(id);
}
