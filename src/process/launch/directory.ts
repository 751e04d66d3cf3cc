/**
 * The directory in which this process loaded the library, which is where its children are started:
 * relative loader options (`--import ./hooks.js`, `--require`) were meant for it, and a later
 * `process.chdir()` would break them. The worker changes to the current directory once it is loaded.
 */
import { existsSync } from "node:fs";
import { processWide } from "../../internal/process-wide.ts";

// Recorded when the module is loaded: the one moment that is the same for every worker.
const loadedIn = processWide("launch-directory", () => ({ path: currentDirectory() }));

/** The current directory; undefined when it has been removed. */
export function currentDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** The directory to start a child process in; undefined where no known one exists any more. */
export function launchDirectory(): string | undefined {
  return loadedIn.path !== undefined && existsSync(loadedIn.path) ? loadedIn.path : currentDirectory();
}
