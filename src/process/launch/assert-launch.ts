/** Checks with which Node options and variables users have workers started. */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";

/** @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `execArgv` or `env`). */
export function assertLaunch({ execArgv, env }: { readonly execArgv: unknown; readonly env: unknown }): void {
  if (!Array.isArray(execArgv) || !execArgv.every(isArgument)) {
    throw new InvalidOptionError("execArgv", {
      value: execArgv,
      expected: "an array of strings without NUL",
    });
  }
  if (!isEnvironment(env)) {
    throw new InvalidOptionError("env", {
      value: env,
      expected: "an object of strings (undefined removes a variable)",
    });
  }
}

function isArgument(value: unknown): boolean {
  return typeof value === "string" && !value.includes("\0");
}

function isEnvironment(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([name, text]) => !name.includes("=") && isArgument(name) && (text === undefined || isArgument(text)),
  );
}
