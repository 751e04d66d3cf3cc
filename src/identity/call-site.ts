/**
 * Finds out where a routine is declared: in which module, and inside which function if not at its top
 * level. It runs once per declaration. It never guesses: code that no worker could import is refused.
 */
import { realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { type AnyFunction, captureFrames, type StackFrame } from "./stack-frames.ts";

/** Where a declaration stands. */
export interface DeclarationSite {
  /** `file:` URL of the module, symbolic links resolved, without query or fragment. */
  readonly module: string;
  /** Name of the enclosing function when no module was being evaluated; `<anonymous>` if it has none. */
  readonly declaredIn: string | undefined;
}

const REMEDY = "pass { module: import.meta.url }, in a module that a worker can import";

/**
 * Determines the module that declares something by calling `below`.
 *
 * That is the module whose top level led to the call, so that a helper around `routine()` may live in
 * another file; where no top level is on the stack, as in an async function after an `await`, it is the
 * module of the direct caller. A helper that calls back through an anonymous function hides its caller;
 * there, and for code without a file, the module must be given.
 *
 * @param below The function that was called to declare; it calls this one itself.
 * @param given The module as the user names it: a `file:` URL or an absolute path. Wins over the stack.
 * @throws {@link RoutineDeclarationError} if the code has no file (`--eval`, standard input, the REPL,
 *   `data:` URLs, `vm`, `eval`), if the stack cannot be read, or if `given` is not a file.
 */
export function declarationSite(below: AnyFunction, given?: string | URL): DeclarationSite {
  const frames = captureFrames(below, 1);
  const direct = frames[0];
  if (given !== undefined) {
    const module = moduleOf(String(given));
    if (module !== undefined) return { module, declaredIn: enclosingFunction(frames) };
    throw new RoutineDeclarationError(
      `Cannot declare a routine of module '${String(given)}': it is neither a 'file:' URL nor an absolute path; ${REMEDY}`,
    );
  }
  if (direct === undefined) {
    throw new RoutineDeclarationError(
      `Cannot declare a routine: the call stack cannot be read, because 'Error' was changed; ${REMEDY}`,
    );
  }
  const script = (direct.script === undefined ? direct : (frames.find(isUnnamed) ?? direct)).script;
  const module = moduleOf(script);
  // Code that eval() runs in a module is no more importable than code without any file.
  if (module === undefined || moduleOf(direct.script) === undefined) {
    const culprit = module === undefined ? script : direct.script;
    throw new RoutineDeclarationError(
      `Cannot declare a routine in '${culprit ?? "evaluated code"}': no worker can import it; ${REMEDY}`,
    );
  }
  return { module, declaredIn: enclosingFunction(frames) };
}

/**
 * Lists the modules whose code is on the stack below a function.
 *
 * @param below A function on the stack.
 * @returns Their `file:` URLs, nearest first, as {@link declarationSite} writes them.
 */
export function modulesOnStack(below: AnyFunction): readonly string[] {
  const scripts = new Set<string | undefined>();
  for (const { script } of captureFrames(below, 1)) scripts.add(script);
  return [...scripts].map(moduleOf).filter((module) => module !== undefined);
}

/**
 * Turns the name of a script into the URL under which it is known everywhere.
 *
 * @param script A `file:` URL, as it is or percent-encoded, or an absolute path.
 * @returns A `file:` URL with symbolic links resolved and no query, or `undefined` for anything else.
 */
export function moduleOf(script: string | undefined): string | undefined {
  if (script === undefined) return undefined;
  const path = pathOf(script);
  // The names Node gives to code without a file, in either module system: `/cwd/[eval1]`, `/cwd/[stdin]`.
  if (path === undefined || /[\\/]\[(?:eval|stdin|worker eval)\d*\](?:-wrapper)?$/.test(path))
    return undefined;
  return pathToFileURL(realPath(path)).href;
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

function realPath(path: string): string {
  for (const candidate of [path, path.replace(/\?.*$/, "")]) {
    try {
      return realpathSync(candidate);
    } catch {
      // Removed since it was loaded, or a loader added a query to a path: try without, else keep the name.
    }
  }
  return path;
}

function isUnnamed({ functionName }: StackFrame): boolean {
  return functionName === undefined;
}

/**
 * The function around the declaration, unless a module is being evaluated: then a worker that imports the
 * module passes through the same function. A frame whose caller is unknown counts as the top level of a
 * module.
 */
function enclosingFunction(frames: readonly StackFrame[]): string | undefined {
  const callerIs = (pattern: RegExp) => (frame: StackFrame, index: number) =>
    isUnnamed(frame) && pattern.test(frames[index + 1]?.script ?? "");
  if (frames.some(callerIs(/^node:internal\/modules\//))) return undefined;
  // A callback that Node itself calls: an event, a timer, a test.
  if (frames.some(callerIs(/^node:(?!vm$|internal\/(?:vm|process)\b)/)))
    return frames[0]?.functionName ?? "<anonymous>";
  return frames.some(isUnnamed) ? undefined : frames[0]?.functionName;
}
