/** Refuses options that do not exist: a misspelt one, or one of another library, would otherwise do nothing in silence. */
import { InvalidOptionError } from "./invalid-option-error.ts";

/**
 * Checks that `options` is an object in which only known names have values.
 *
 * @param options As the user gave them.
 * @param known Every name there is; a table typed by the options' own interface, so that none is forgotten.
 * @throws {@link InvalidOptionError} naming the first unknown option and all known ones.
 */
export function assertKnownOptions<T extends object>(
  options: T,
  known: Readonly<Record<keyof T & string, true>>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError("options", { value: options, expected: "an object" });
  }
  for (const name of Object.keys(options)) {
    const value: unknown = (options as Record<string, unknown>)[name];
    if (value === undefined || Object.hasOwn(known, name)) continue;
    throw new InvalidOptionError(name, {
      value,
      expected: `one of the options ${Object.keys(known).join(", ")}`,
    });
  }
}
