/**
 * The name that a function or class has in its source. A transform without `keepNames` (esbuild's default,
 * and so vitest's) makes `add2` of the inner name in `const add = routine(function add…)`, since both names
 * would meet in one scope; a worker that loads the same file by other means would know it as `add`.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A character that goes on with a name. */
const NAME_PART = /[\p{ID_Continue}$]/u;

/** The text of the module asked about last: one that declares several things asks for it again and again. */
let recent: { readonly module: string; readonly text: string | undefined } | undefined;

/**
 * Takes back a number that a transform has put behind a name.
 *
 * Only a name that does not occur in the module's file is changed, and only to one that does. In a built file
 * the changed name does occur: it stays, and is the same for everybody who loads that file.
 *
 * @param name The name as the function or class shows it.
 * @param module `file:` URL of the module that declares it, if it is known.
 */
export function declaredName(name: string, module: string | undefined): string {
  const digits = /\d+$/.exec(name)?.[0].length ?? 0;
  if (digits === 0 || module === undefined) return name;
  const text = sourceOf(module);
  if (text === undefined) return name;
  // `sha256` becomes `sha2562`, so as few digits as possible are taken off.
  for (let taken = 0; taken <= digits; taken++) {
    const candidate = name.slice(0, name.length - taken);
    if (candidate !== "" && occurs(candidate, text)) return candidate;
  }
  return name;
}

/** Whether a text has a name as a word of its own. By hand: a regular expression for each name takes 20 times as long. */
function occurs(name: string, text: string): boolean {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const end = at + name.length;
    const before = Array.from(text.slice(Math.max(0, at - 2), at)).at(-1) ?? "";
    if (!NAME_PART.test(before) && !NAME_PART.test(String.fromCodePoint(text.codePointAt(end) ?? 0)))
      return true;
  }
  return false;
}

function sourceOf(module: string): string | undefined {
  if (recent?.module === module) return recent.text;
  recent = { module, text: read(module) };
  queueMicrotask(() => {
    recent = undefined;
  });
  return recent.text;
}

function read(module: string): string | undefined {
  try {
    return readFileSync(fileURLToPath(module), "utf8");
  } catch {
    return undefined; // removed since it was loaded
  }
}
