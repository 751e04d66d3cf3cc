/**
 * The directory in which this process loaded the library, which is where its children are started:
 * relative loader options (`--import ./hooks.js`, `--require`) were meant for it, and a later
 * `process.chdir()` would break them. The worker changes to the current directory once it is loaded.
 */
import { existsSync } from "node:fs";
import { processWide } from "../../internal/process-wide.ts";

// Recorded when this process loads the module, so that all workers it starts get the same directory, however
// late they start.
const loadedIn = processWide("launch-directory", () => ({ path: currentDirectory() }));

/** The current directory; undefined when it has been removed. */
export function currentDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** The directory from above if it still exists, otherwise the current one; undefined if that is gone too. */
export function launchDirectory(): string | undefined {
  return loadedIn.path !== undefined && existsSync(loadedIn.path) ? loadedIn.path : currentDirectory();
}
