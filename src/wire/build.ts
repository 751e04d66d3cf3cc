/**
 * What a worker's record says of the program that it runs: its build, in words that whoever deploys it has chosen. It is
 * never derived from files, since the sources of a program and what is built of them differ, and mean the same.
 */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { shownText } from "../internal/shown-text.ts";

/** Name of the environment variable that says which build a process runs. */
export const BUILD_VARIABLE = "MERINO_BUILD";

const MAX_BUILD = 256;
const EXPECTED = `a text of 1 to ${MAX_BUILD} characters that are all seen as themselves, such as "2026-03-14.2"`;

/** Tells whether a value can be a build: a text of 1 to 256 characters without controls and what else is not seen. */
export function isBuild(value: unknown): value is string {
  return (
    typeof value === "string" && value.length > 0 && value.length <= MAX_BUILD && shownText(value) === value
  );
}

/**
 * Checks a build that a program states.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `build`).
 */
export function assertBuild(value: unknown): asserts value is string {
  if (!isBuild(value)) throw new InvalidOptionError("build", { value, expected: EXPECTED });
}

/**
 * The build that this process runs, as its environment says now; `undefined` if it says nothing.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `MERINO_BUILD`) for what can be none.
 */
export function ownBuild(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const value = env[BUILD_VARIABLE];
  if (value === undefined || value === "") return undefined;
  if (isBuild(value)) return value;
  throw new InvalidOptionError(BUILD_VARIABLE, {
    value,
    expected: EXPECTED,
    advice: "Set the environment variable to one, or take it away",
  });
}
