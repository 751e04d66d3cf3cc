/**
 * Notices an asynchronous body that calls itself by its own name. That name is the plain function, not the routine
 * around it, so the recursion stays on one worker where it was probably meant to spread: nothing else would tell.
 * It looks at the text only, and errs on the side of silence. It warns in development, and in the program only.
 */
import { processWide } from "../internal/process-wide.ts";
import { warn } from "../internal/warn.ts";
import { workerRole } from "../internal/worker-role.ts";

/** How the text of an async function with a name begins. Compared by hand, since every declaration is. */
const HEAD = "async function ";
/** Comments, and strings without parts that are evaluated. */
const NOT_CODE = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g;
/** What stands before a call, in the same statement, when its promise is awaited, returned or kept. */
const IS_USED = /(?:\b(?:await|return)\b|(?<![=!<>])=(?![=>]))[^;{}]*$/;
/** What stands before a name that is given another meaning inside the body. */
const IS_BOUND = /\b(?:const|let|var|function\s*\*?|class)\s+(?:[{[][^;=]*)?$/;
const NAME_PART = /[\p{ID_Continue}$]/u;

/** Identities that have been warned of: a module that is evaluated again declares its routines again. */
const reported = processWide("routine.local-recursion", (): Set<string> => new Set());

/**
 * Warns once for each identity, with what to write instead.
 *
 * @param id Identity of the routine that is declared.
 * @param name Its name in its module.
 */
export function warnOfLocalRecursion(body: (...args: never[]) => unknown, id: string, name: string): void {
  const text = Function.prototype.toString.call(body);
  if (!text.startsWith(HEAD)) return;
  const parameters = text.indexOf("(", HEAD.length);
  const inner = text.slice(HEAD.length, parameters).trim();
  // Nearly all bodies end here.
  if (inner === "" || text.lastIndexOf(inner) < parameters) return;
  if (process.env.NODE_ENV === "production" || workerRole() !== undefined || reported.has(id)) return;
  if (!awaitsItself(text.slice(parameters).replace(NOT_CODE, " "), inner)) return;
  reported.add(id);
  warn(
    "MERINO_LOCAL_RECURSION",
    `The routine '${id}' calls itself by the name of its function, which is not the routine: these calls run inside the body, and never on another worker. To have them dispatched, write the function without a name of its own: const ${name} = routine(async (…) => …, { name: "${name}" }). If they are to stay in the body, say so: { localRecursion: true }`,
  );
}

/**
 * Whether a function waits for a call of itself.
 *
 * @param code The function's text from its parameters on, without comments and strings.
 * @param name Its name in that text.
 */
function awaitsItself(code: string, name: string): boolean {
  const parameters = code.indexOf(")");
  let found = false;
  for (let at = code.indexOf(name); at !== -1; at = code.indexOf(name, at + name.length)) {
    const [before, after] = [code.slice(0, at), code.slice(at + name.length)];
    if (NAME_PART.test(before.at(-1) ?? "") || NAME_PART.test(after[0] ?? "") || /\.\s*$/.test(before))
      continue;
    const isCall = /^\s*\(/.test(after);
    if (IS_BOUND.test(before) || (at < parameters && !isCall)) return false;
    found ||= isCall && IS_USED.test(before);
  }
  return found;
}
