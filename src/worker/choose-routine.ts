/** Which routine a task means, where several copies of its package have one of that identity. */
import { chooseCopy, type PackageCopy } from "../identity/copies.ts";
import { moduleOf } from "../identity/module-url.ts";
import type { DeclaredRoutine } from "../identity/routine-definition.ts";
import type { RoutineRequest } from "./routine-resolver.ts";

/** The routine that is meant: the one of the caller's own file, or else of a copy that will do. */
export function chooseRoutine(
  candidates: readonly DeclaredRoutine[],
  request: RoutineRequest,
): DeclaredRoutine | undefined {
  const ofFile = candidates.find((routine) => isOfFile(routine, request));
  return ofFile ?? chooseCopy(candidates, wantedCopy(request));
}

/** Whether it is declared in the very file that the caller names. */
export function isOfFile({ declaration }: DeclaredRoutine, { location }: RoutineRequest): boolean {
  return location !== "" && declaration.site.module === moduleOf(location);
}

/** The copy of the package that the caller has; `undefined` if it does not say. */
export function wantedCopy({ origin }: RoutineRequest): PackageCopy | undefined {
  return origin === undefined ? undefined : { copy: origin.copy, version: origin.packageVersion };
}
