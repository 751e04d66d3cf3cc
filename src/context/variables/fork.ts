/** A branch of execution whose changes of context variables stay in it. */
import { runInInnerScope } from "../inner-scope.ts";
import { currentBranch } from "./current-branch.ts";

/**
 * Runs a function in a branch of its own: it sees the context variables as they are, and what it sets, and what the
 * calls that it makes bring back, is seen by nothing outside it.
 *
 * Use it for work that runs beside other work of the same branch, since all calls made side by side in one branch
 * change the same variables.
 *
 * @returns What the function returns.
 * @example
 * const tenant = new ContextVar<string>("tenant");
 * await Promise.all([
 *   fork(() => add(1, 2)), // if both bodies set the tenant, neither sees the other's
 *   fork(() => add(3, 4)),
 * ]);
 * tenant.get(); // as before
 */
export function fork<R>(fn: () => R): R {
  return runInInnerScope({ branch: currentBranch().fork() }, fn);
}
