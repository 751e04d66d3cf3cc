/** Warnings about how a program is written: said once in a process, however often there is cause to. */
import { processWide } from "./process-wide.ts";
import { type WarningCode, warn } from "./warn.ts";

/** As {@link warn}, but only the first time with that code. */
export function warnOnce(code: WarningCode, message: string): void {
  const said = processWide("warned-once", () => new Set<WarningCode>());
  if (said.has(code)) return;
  said.add(code);
  warn(code, message);
}
