/** The rule for names under which workers find one another. */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";

const NAMESPACE = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Checks a namespace, which becomes part of file and service names.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `namespace`) unless it is 1 to 64
 *   letters, digits, dots, underscores or hyphens, and neither `.` nor `..`.
 */
export function parseNamespace(value: unknown): string {
  if (typeof value === "string" && NAMESPACE.test(value) && value !== "." && value !== "..") return value;
  throw new InvalidOptionError("namespace", {
    value,
    expected: "1 to 64 letters, digits, '.', '_' or '-', other than '.' and '..'",
  });
}
