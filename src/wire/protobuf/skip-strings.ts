/** Nested messages that need not be decoded yet. */
import { type FieldScanner, WRONG_TYPE } from "./field-scanner.ts";

/**
 * Checks and skips a message whose fields, from 1 to that of `lastTag`, are all strings.
 *
 * @param lastTag Tag of its highest field.
 */
export function skipStrings(scanner: FieldScanner, lastTag: number): void {
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if ((tag & 7) === 2 && tag <= lastTag) scanner.skipText();
    else if (tag >>> 3 <= lastTag >>> 3) scanner.fail(WRONG_TYPE);
    else scanner.skip(tag);
  }
  scanner.leave(outer);
}
