/** The URLs of modules as people know them: paths, from the current directory where they lie below it. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Writes the URL of a module as a path.
 *
 * @param url `file:` URL; anything else is given back as it is.
 * @example
 * shownModule(import.meta.url); // => "src/jobs.ts", in the directory of the package
 */
export function shownModule(url: string): string {
  try {
    const path = fileURLToPath(url);
    const fromHere = relative(process.cwd(), path);
    return fromHere === "" || fromHere.startsWith("..") ? path : fromHere;
  } catch {
    return url; // not a file, or the current directory has been removed
  }
}
