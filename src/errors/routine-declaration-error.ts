/** A declaration that gives no usable identity. */
import { defineError, MerinoError } from "./merino-error.ts";

/** A routine cannot be declared like this: it has no name, no module, or another routine has its identity. */
export class RoutineDeclarationError extends MerinoError {
  static {
    defineError(this, {
      name: "RoutineDeclarationError",
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      fault: "caller",
    });
  }
}
