/** Whether workers may be started here: in a worker that imports a module, that would go on without end. */
import { PoolInWorkerError } from "../errors/pool-in-worker-error.ts";
import { workerRole } from "../internal/worker-role.ts";

/**
 * Asks before workers are started, in the very turn in which a program asks for them.
 *
 * @returns Undefined if they may be. In a worker that imports the program's entry module, a promise that never settles:
 *   the module has served its purpose. In one that imports any other module, a rejection with `PoolInWorkerError`.
 */
export function refusalToOpen(what: string): Promise<never> | undefined {
  switch (workerRole()?.onOpen()) {
    case "suspend":
      return new Promise(() => {});
    case "refuse":
      return Promise.reject(
        new PoolInWorkerError(
          `Cannot open a ${what} here: a worker is importing this module to find its routines, and would start workers without end; open ${what}s in the program's entry module, or inside functions that it calls`,
        ),
      );
    default:
      return undefined;
  }
}
