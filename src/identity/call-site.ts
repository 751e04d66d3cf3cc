/**
 * Finds out where a routine or class is declared: in which module and which evaluation of it, and inside which
 * function if not at its top level. It runs once per declaration. It never guesses: code that no worker could
 * import is refused.
 */
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { type Evaluation, evaluationOf } from "./evaluation.ts";
import { type ModulePath, modulePath } from "./module-path.ts";
import { isModuleFile, moduleOf } from "./module-url.ts";
import { type AnyFunction, captureFrames, type StackFrame } from "./stack-frames.ts";

/** Where a declaration stands. */
export interface DeclarationSite {
  /** `file:` URL of the module, symbolic links resolved, without query or fragment. */
  readonly module: string;
  /** Name of the enclosing function when no module was being evaluated; `<anonymous>` if it has none. */
  readonly declaredIn: string | undefined;
  /** The script as V8 names it, for people: with the query of a URL; the bundle, if the module is in one. */
  readonly script: string;
  /** The places of the calls in the script that led there, nearest first: `line:column`, with a space between. */
  readonly path: string;
  /** Whether the module was being evaluated, and the path begins in its body. */
  readonly isAtTop: boolean;
  readonly evaluation: Evaluation;
}

const REMEDY = "pass { module: import.meta.url }, in a module that a worker can import";

/** Enough frames for nearly every declaration. Reading the stack is most of the cost of a declaration. */
const USUAL_FRAMES = 8;
/** Enough to see past any helpers around the declaration. */
const MOST_FRAMES = 40;

/**
 * Determines the module that declares something by calling `below`.
 *
 * That is the module whose top level led to the call, so that a helper around `routine()` may live in another
 * file; if no top level is on the stack, as in an async function after an `await`, it is the module of the
 * direct caller. For code without a file the module must be given; evaluated code has one if it states it.
 *
 * @param below The function that was called to declare; it calls this one itself.
 * @param given The module as the user names it: a `file:` URL or an absolute path. Wins over the stack.
 * @throws {@link RoutineDeclarationError} if the code has no file (`--eval`, standard input, the REPL,
 *   `data:` URLs, `vm`, `eval`), if the stack cannot be read, or if `given` is not a file.
 */
export function declarationSite(below: AnyFunction, given?: string | URL): DeclarationSite {
  let { frames, isWhole } = captureFrames(below, { limit: USUAL_FRAMES, via: 1 });
  let found = locate(frames, given);
  if (found.path.end !== "body" && !isWhole) {
    ({ frames, isWhole } = captureFrames(below, { limit: MOST_FRAMES, via: 1 }));
    found = locate(frames, given);
  }
  const { module, path } = found;
  const isAtTop = path.end === "body" || path.end === "factory";
  return {
    module,
    declaredIn: isAtTop ? undefined : enclosingFunction(frames),
    script: path.script,
    path: path.text,
    isAtTop,
    evaluation: evaluationOf(module, path),
  };
}

/**
 * Lists the modules whose code is on the stack below a function.
 *
 * @param below A function on the stack.
 * @returns Their `file:` URLs, nearest first, as {@link declarationSite} writes them.
 */
export function modulesOnStack(below: AnyFunction): readonly string[] {
  const scripts = new Set<string | undefined>();
  for (const { script } of captureFrames(below, { limit: MOST_FRAMES, via: 1 }).frames) scripts.add(script);
  return [...scripts].map(moduleOf).filter((module) => module !== undefined);
}

function locate(
  frames: readonly StackFrame[],
  given: string | URL | undefined,
): { readonly module: string; readonly path: ModulePath } {
  const direct = frames[0];
  if (given !== undefined) {
    const module = moduleOf(String(given));
    if (module !== undefined) return { module, path: pathTo(module, frames) };
    throw new RoutineDeclarationError(
      `Cannot declare a routine of module '${String(given)}': it is neither a 'file:' URL nor an absolute path; ${REMEDY}`,
    );
  }
  if (direct === undefined) {
    throw new RoutineDeclarationError(
      `Cannot declare a routine: the call stack cannot be read, because 'Error' was changed; ${REMEDY}`,
    );
  }
  const script = fileOf(declaringFrame(frames, direct));
  const module = moduleOf(script);
  // Code that eval() runs in a module is no more importable than code without any file.
  if (script === undefined || module === undefined || moduleOf(fileOf(direct)) === undefined) {
    const culprit = module === undefined ? script : direct.script;
    throw new RoutineDeclarationError(
      `Cannot declare a routine in '${culprit ?? "evaluated code"}': no worker can import it; ${REMEDY}`,
    );
  }
  return { module, path: modulePath(frames, script) };
}

/** The frame whose script is the declaring module: the top level that led to the call, or the direct caller. */
function declaringFrame(frames: readonly StackFrame[], direct: StackFrame): StackFrame {
  if (fileOf(direct) === undefined) return direct;
  // If bodies cannot be recognised, a function without a name counts as one.
  return frames.find(direct.isBody === undefined ? isUnnamed : isBody) ?? direct;
}

/**
 * The script of a frame; of evaluated code the file that it says to be, as a development server such as Vite does for
 * the modules that it evaluates.
 */
function fileOf({ script, source }: StackFrame): string | undefined {
  return script ?? (isModuleFile(source) ? source : undefined);
}

/**
 * The path in a module that was given. The module's script may have another name, as in a bundle, or be evaluated
 * code.
 */
function pathTo(module: string, frames: readonly StackFrame[]): ModulePath {
  const direct = frames[0];
  const named = frames.find(({ source }) => moduleOf(source) === module);
  const script = (named ?? (direct && declaringFrame(frames, direct)))?.source;
  return modulePath(frames, script ?? module);
}

function isBody({ isBody }: StackFrame): boolean {
  return isBody === true;
}

function isUnnamed({ functionName }: StackFrame): boolean {
  return functionName === undefined;
}

/** The function around a declaration that is not at the top level of its module. */
function enclosingFunction(frames: readonly StackFrame[]): string | undefined {
  const direct = frames[0];
  return direct === undefined ? undefined : (direct.functionName ?? "<anonymous>");
}
