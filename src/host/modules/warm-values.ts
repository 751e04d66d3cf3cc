/** Makes the values that a worker is to have before it serves, and imports the modules that declare them. */
import { errorText } from "../../internal/error-text.ts";
import { endLife } from "../../state/life.ts";
import { allValues, findValue, type WarmValue } from "../../state/worker-values.ts";
import { StartFailedError } from "../parent/start-failure.ts";
import type { ModuleLoader } from "./module-loader.ts";

/**
 * Makes values, at the same time.
 *
 * @throws {@link StartFailedError} saying which one cannot be had, and why; {@link ImportFailedError} if its module cannot
 *   be imported. Those that have been made are disposed of then.
 */
export async function warmValues(loader: ModuleLoader, wanted: readonly WarmValue[]): Promise<void> {
  try {
    await Promise.all(wanted.map((value) => warm(loader, value)));
  } catch (error) {
    await endLife();
    throw error;
  }
}

async function warm(loader: ModuleLoader, wanted: WarmValue): Promise<void> {
  const { id, module } = wanted;
  if (module !== undefined) await loader.load(module.url, () => findValue(wanted) !== undefined);
  const value = findValue(wanted);
  if (value === undefined) throw new StartFailedError(explainMiss(wanted));
  try {
    await value.get();
  } catch (error) {
    throw new StartFailedError(`Cannot make '${id}' before it serves: ${errorText(error)}`, { cause: error });
  }
}

function explainMiss({ id, module }: WarmValue): string {
  if (module !== undefined) {
    return `Cannot make '${id}' before it serves: importing '${module.url}' did not declare it; declare it with perWorker() at the top level of that module, and in a program's entry above the line that opens the pool`;
  }
  const known = allValues().map(({ declaration }) => `'${declaration.id}'`);
  const named = known.filter((other) => other.endsWith(`#${id}'`));
  if (named.length > 1) return `Cannot make '${id}' before it serves: that may be ${named.join(" or ")}`;
  const has = known.length === 0 ? "none" : known.join(", ");
  return `Cannot make '${id}' before it serves: its modules declare no value of that name with perWorker(), they have ${has}`;
}
