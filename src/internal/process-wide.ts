/**
 * State that every copy of the package in a process (or thread) shares. All of it is kept here.
 *
 * Two copies are normal, so a module-level variable would exist twice. Values kept here must work without
 * `instanceof`, since the classes of two copies differ.
 */
import { assertSupportedRuntime } from "./supported-runtime.ts";

// Here, since what comes first of all makes something process-wide.
assertSupportedRuntime();

/**
 * Returns the process-wide value of that name, creating it on first use.
 *
 * @param name Appended to `merino.`, for example `"deadlines"`.
 * @param create Makes the value; called at most once per process or thread, whichever copy comes first.
 */
export function processWide<T extends object>(name: string, create: () => T): T {
  const key = Symbol.for(`merino.${name}`);
  // The symbol's name is ours alone, and only this function writes under it.
  const shared = globalThis as unknown as Record<symbol, T | undefined>;
  const present = shared[key];
  if (present !== undefined) return present;
  const created = create();
  Object.defineProperty(globalThis, key, { value: created });
  return created;
}
