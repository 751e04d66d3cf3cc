/** After which errors a call is tried again. */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { FailedAttempt, ResolvedRetry } from "../../identity/repeat-options.ts";

/**
 * Whether to try again, as far as that depends on the error.
 *
 * @param retry Absent: never.
 * @throws What `on` throws; {@link InvalidOptionError} if it does not return a boolean.
 */
export function isRetried(retry: ResolvedRetry | undefined, error: unknown, failed: FailedAttempt): boolean {
  if (retry === undefined) return false;
  if (retry.on === undefined) return failed.lost;
  const answer: unknown = retry.on(error, failed);
  if (typeof answer === "boolean") return answer;
  throw new InvalidOptionError("retry.on", { value: answer, expected: "a function that returns a boolean" });
}
