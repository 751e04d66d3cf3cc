/** The URL under which a module is known, whatever a loader calls its script. It finds no packages and imports nothing. */
import { realpathSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Answers by script: following links takes longer than the rest of a declaration, and links do not change. */
const known = new Map<string, string>();

/**
 * Turns the name of a script into the URL under which it is known everywhere.
 *
 * @param script A `file:` URL, as it is or percent-encoded, or an absolute path.
 * @returns A `file:` URL with symbolic links resolved and no query, or `undefined` for anything else.
 */
export function moduleOf(script: string | undefined): string | undefined {
  if (script === undefined) return undefined;
  const answer = known.get(script);
  if (answer !== undefined) return answer;
  const path = pathOf(script);
  // The names Node gives to code without a file, in either module system: `/cwd/[eval1]`, `/cwd/[stdin]`.
  if (path === undefined || /[\\/]\[(?:eval|stdin|worker eval)\d*\](?:-wrapper)?$/.test(path))
    return undefined;
  const real = realPath(path);
  const module = pathToFileURL(real ?? path).href;
  if (real !== undefined) known.set(script, module);
  return module;
}

/** Whether the name of a script is that of a file which exists, and which a worker could import therefore. */
export function isModuleFile(script: string | undefined): boolean {
  const module = moduleOf(script);
  return module !== undefined && statSync(new URL(module), { throwIfNoEntry: false })?.isFile() === true;
}

function pathOf(script: string): string | undefined {
  if (!/^file:/i.test(script)) return isAbsolute(script) ? script : undefined;
  try {
    const url = new URL(script);
    url.search = "";
    url.hash = "";
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}

/** `undefined` for a file that was removed since it was loaded. */
function realPath(path: string): string | undefined {
  // A loader may have added a query to a path.
  for (const candidate of [path, path.replace(/\?.*$/, "")]) {
    try {
      return realpathSync(candidate);
    } catch {
      // Not the name of a file; the other one may be.
    }
  }
  return undefined;
}
