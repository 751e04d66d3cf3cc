/** Checks amounts of resources as users give them: what a worker has, what a routine needs, what is reserved. */
import { type Amounts, amountsOf, MAX_AMOUNT, MAX_RESOURCES } from "../internal/amounts.ts";
import { InvalidOptionError } from "./invalid-option-error.ts";

/**
 * Reads amounts.
 *
 * @returns `undefined` if there are none.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for what is no object of amounts.
 */
export function resolveAmounts(option: string, value: unknown): Amounts | undefined {
  if (value === undefined) return undefined;
  const amounts = amountsOf(value);
  if (amounts === undefined) {
    throw new InvalidOptionError(option, {
      value,
      expected: `an object of at most ${MAX_RESOURCES} amounts above 0 and up to ${MAX_AMOUNT}, with three decimals at most, as { gpu: 1, memory: 0.5 }; a name has 1 to 64 letters, digits, '.', '_', '/' and '-'`,
    });
  }
  return amounts.size === 0 ? undefined : amounts;
}
