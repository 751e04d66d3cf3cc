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
const IS_USED = /(?:\b(?:await|return)\b|\.(?:push|unshift|add|set)\s*\(|(?<![=!<>])=(?![=>]))[^;{}]*$/;
/** What stands before a name that is handed over to be called, instead of a call. */
const IS_HANDED_OVER = /\.(?:map|flatMap|then)\s*\(\s*$/;
/** What stands before a name that is given another meaning inside the body. */
const IS_BOUND = /\b(?:const|let|var|function|class)\b\s*\*?\s*(?:[{[][^;=]*)?$/;
/** The same for a later one of several declared together; {@link ENDS_BINDING} has to follow. */
const IS_BOUND_LATER = /\b(?:const|let|var)\b[^;]*,\s*$/;
/** What stands after a name that is only declared, or that is assigned to. */
const ENDS_BINDING = /^\s*(?:[,;}\]]|=(?![=>])|$)/;
/** What stands after the parameters of a function, or after `catch (…)`. */
const OPENS_BODY = /^\s*(?:=>|\{)/;
/** What stands before parentheses that a block follows, and that declare no parameters. */
const IS_CONTROL = /\b(?:if|while|for|for\s+await|switch|with)\s*$/;
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
  let found = false;
  for (let at = code.indexOf(name); at !== -1; at = code.indexOf(name, at + name.length)) {
    const [before, after] = [code.slice(0, at), code.slice(at + name.length)];
    if (
      NAME_PART.test(before.at(-1) ?? "") ||
      NAME_PART.test(after[0] ?? "") ||
      /(?<!\.\.)\.\s*$/.test(before)
    )
      continue;
    const isCall = /^\s*\(/.test(after) || (/^\s*[,)]/.test(after) && IS_HANDED_OVER.test(before));
    if (IS_BOUND.test(before) || (IS_BOUND_LATER.test(before) && ENDS_BINDING.test(after))) return false;
    if (/^\s*=>/.test(after) || isInParameters(code, at)) return false;
    found ||= isCall && IS_USED.test(before);
  }
  return found;
}

/**
 * Whether a position is among the parameters of some function or in `catch (…)`: in parentheses, at any depth, that a
 * body follows. What a default value calls counts as well, for the sake of silence.
 */
function isInParameters(code: string, position: number): boolean {
  let closed = 0;
  for (let at = position - 1; at >= 0; at -= 1) {
    const character = code.charAt(at);
    if (")]}".includes(character)) closed += 1;
    else if ("([{".includes(character) && closed > 0) closed -= 1;
    else if (
      character === "(" &&
      !IS_CONTROL.test(code.slice(0, at)) &&
      OPENS_BODY.test(code.slice(endOfGroup(code, at)))
    ) {
      return true;
    }
  }
  return false;
}

/** Where the bracket that opens here has been closed: after the closing one, or the end of the text. */
function endOfGroup(code: string, opening: number): number {
  let open = 0;
  for (let at = opening; at < code.length; at += 1) {
    const character = code.charAt(at);
    if ("([{".includes(character)) open += 1;
    else if (")]}".includes(character) && --open === 0) return at + 1;
  }
  return code.length;
}
