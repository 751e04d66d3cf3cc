/**
 * Runs the commands the other scripts are made of, with the project's own tools first in the search path.
 * A command that fails is an error here; nothing is retried and nothing is swallowed.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const ROOT = path.resolve(fileURLToPath(import.meta.url), "../..");

/** The compiler, by its path: TypeScript 6, which serves other tools, brings a program of the same name. */
export const TSC = path.join(ROOT, "node_modules/typescript/bin/tsc");

/**
 * Runs a command in the repository and waits for its end.
 *
 * @param {string} command Program name or path.
 * @param {readonly string[]} parameters
 * @param {{ capture?: boolean, env?: Record<string, string | undefined>, cwd?: string }} options With `capture`,
 *   standard output and standard error are returned together instead of being passed on.
 * @returns {Promise<{ code: number, output: string }>} `code` is 1 if a signal ended the command.
 */
export function runCommand(command, parameters, { capture = false, env, cwd = ROOT } = {}) {
  const searchPath = [path.join(ROOT, "node_modules/.bin"), env?.PATH ?? process.env.PATH].join(
    path.delimiter,
  );
  const child = spawn(command, parameters, {
    cwd,
    env: { ...process.env, ...env, PATH: searchPath },
    stdio: ["ignore", capture ? "pipe" : "inherit", capture ? "pipe" : "inherit"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * Runs a command as {@link runCommand} does and returns its output.
 *
 * @throws Error if it failed, with its output; an exception rather than an exit, so that callers can clean up.
 */
export async function runOrThrow(command, parameters, options) {
  const { code, output } = await runCommand(command, parameters, options);
  if (code !== 0)
    throw new Error(`'${command} ${parameters.join(" ")}' ended with exit code ${code}\n${output}`);
  return output;
}
