/**
 * Finds out where a syntax error stands that the import of an ES module has ended with: V8 says so to whoever prints
 * the error as uncaught, and to nobody else. Node is asked to check the file, which runs nothing of it.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A check that takes longer is given up: the error is told without its place. */
const CHECK_TIMEOUT_MS = 5_000;

/**
 * Puts the place of a syntax error above its stack, as Node itself does for CommonJS, if the error stands in the
 * module itself. One in a module that it imports keeps what there is.
 *
 * @param error What an import ended with; anything but a syntax error without a place is left alone.
 * @param moduleUrl `file:` URL of the module that was imported.
 */
export async function placeSyntaxError(error: unknown, moduleUrl: string): Promise<void> {
  if (!(error instanceof SyntaxError) || typeof error.stack !== "string" || hasPlace(error.stack)) return;
  const place = await check(moduleUrl);
  if (place !== undefined) error.stack = `${place}\n${error.stack}`;
}

/** Any line that names a file of somebody's, and not one of Node's own. */
function hasPlace(stack: string): boolean {
  return stack.split("\n").some((line) => /(?:file:|[\\/]).*:\d+/.test(line) && !line.includes("node:"));
}

/** File and line, the line itself, and a mark below it; `undefined` if the file is sound, or cannot be checked. */
async function check(moduleUrl: string): Promise<string | undefined> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const options = { env, timeout: CHECK_TIMEOUT_MS };
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ["--check", fileURLToPath(moduleUrl)], options, (_error, _stdout, stderr) =>
      resolve(stderr),
    );
  });
  return /^\S[^\n]*:\d+\n[^\n]*\n\s*\^+\n/.exec(output)?.[0];
}
