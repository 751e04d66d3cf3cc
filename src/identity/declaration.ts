/**
 * The rule for two declarations of one identity, of routines and of portable classes alike. A module that is
 * evaluated again replaces what it has declared before; anything else under an identity that is taken is
 * refused where it is declared, because a worker, which finds things by their identity alone, would run one
 * instead of the other. The text of a function decides nothing: functions made by a factory, a loop or `bind`
 * have equal ones.
 */
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { processWide } from "../internal/process-wide.ts";
import { warn } from "../internal/warn.ts";
import type { DeclarationSite } from "./call-site.ts";
import { modulePlace } from "./package-root.ts";
import { sourcePlace } from "./source-place.ts";

/** Something declared under an identity, as far as the rule needs it. */
export interface Declaration {
  readonly id: string;
  /** Whether the identity was given as a whole, and not made from module and name. */
  readonly isIdGiven: boolean;
  /** The body of a routine, a class, or a variable. */
  readonly subject: object;
  readonly site: DeclarationSite;
  /** Which copy of the package; see `ModulePlace`. One copy's declarations have nothing to do with another's. */
  readonly copy: string;
  /** Version of the package; empty without one. */
  readonly version: string;
  /**
   * Why nothing can be found under its identity, and what to do: set when a second thing was declared under it. It
   * can still be used in this process.
   */
  conflict: string | undefined;
}

/**
 * Describes a declaration.
 *
 * @param subject The body of a routine, or a class.
 * @param site Where it stands.
 * @param identity Its identity, and whether that was given as a whole.
 */
export function createDeclaration(
  subject: object,
  site: DeclarationSite,
  identity: { readonly id: string; readonly isIdGiven: boolean },
): Declaration {
  const { copy, version } = modulePlace(site.module);
  return {
    id: identity.id,
    isIdGiven: identity.isIdGiven,
    subject,
    site,
    copy,
    version,
    conflict: undefined,
  };
}

/** What is declared, as messages call it. */
export type DeclarationKind = "routine" | "portable class" | "context variable" | "value of workers";

/** Identities shared by several modules that have been reported. */
const reported = processWide("identity.shared-ids", (): Set<string> => new Set());

/** Names this short are rarely chosen by people. */
const MINIFIED_LENGTH = 2;

/** What to do about an identity whose name looks like a minifier's, as the end of a sentence; `""` for others. */
export function minifiedHint(id: string): string {
  const name = id.slice(id.lastIndexOf("#") + 1);
  const [first = ""] = name.split("."); // of a method, the class
  return first.length > MINIFIED_LENGTH
    ? ""
    : "; if a build tool has shortened the names, let it keep them (esbuild: keepNames), or pass { name }";
}

/**
 * Decides what becomes of a declaration whose identity is taken in the same copy of the package.
 *
 * @returns Whether it takes the place of the known one; otherwise that one stays, since it is of a later evaluation.
 * @throws {@link RoutineDeclarationError} if both would mean different things by one identity. If both are of
 *   the same evaluation, the known one has a conflict from then on: a worker that imports the module finds that
 *   one, and not the other.
 */
export function takesPlaceOf(known: Declaration, next: Declaration, kind: DeclarationKind): boolean {
  if (known.site.module !== next.site.module) {
    if (!isShared(known, next)) throw new RoutineDeclarationError(takenElsewhere(known, next, kind));
    report(known, next);
    return true;
  }
  const order = next.site.evaluation.order - known.site.evaluation.order;
  if (order !== 0) return order > 0;
  const [there, here] = places(known.site, next.site);
  if (known.site.isAtTop || next.site.isAtTop) {
    known.conflict =
      there === here
        ? `it is declared several times at '${there}'; give each a { name } of its own`
        : `it is declared at '${there}', and another one of that identity at '${here}'; give each a { name } of its own`;
    throw new RoutineDeclarationError(takenHere(next, { there, here, kind }));
  }
  const conflict = repetition(next.site, there, here);
  known.conflict = conflict;
  next.conflict = conflict;
  return true;
}

/** The explanation for declarations inside functions, which may run any number of times. */
function repetition(site: DeclarationSite, there: string, here: string): string {
  const within = site.declaredIn === undefined ? "a function" : `the function '${site.declaredIn}'`;
  const found =
    there === here
      ? `it is declared at '${here}' whenever ${within} runs`
      : `it is declared at '${there}' and again at '${here}', inside functions`;
  return `${found}, so no worker can tell which one is meant; declare it once, at the top level of its module`;
}

/** Whether two modules say, by one given identity and one text, that theirs is one and the same. */
function isShared(known: Declaration, next: Declaration): boolean {
  if (!known.isIdGiven || !next.isIdGiven) return false;
  const text = textOf(next.subject);
  // Bound functions show no text of their own.
  return text === textOf(known.subject) && !/\{ \[native code\] \}$/.test(text);
}

function report(known: Declaration, next: Declaration): void {
  if (reported.has(next.id)) return;
  reported.add(next.id);
  warn(
    "MERINO_SHARED_ID",
    `Two modules declare '${next.id}' with the same text, '${known.site.module}' and '${next.site.module}'; workers run the one that was declared last. Declare it in one of them`,
  );
}

function takenElsewhere(known: Declaration, next: Declaration, kind: DeclarationKind): string {
  const there = known.site.module;
  const here = next.site.module;
  if (kind === "context variable") {
    return `Cannot declare the context variable '${next.id}' in '${here}': another one of that name is declared in '${there}'; give one of them another name or a { namespace }, or export one and import it`;
  }
  const remedy = next.isIdGiven
    ? "give one of them another { id }"
    : "packages of one name cannot both be used unless they are installed in 'node_modules'; rename one of them, or give one of the declarations an { id }";
  return `Cannot declare the ${kind} '${next.id}' in '${here}': a different one of that identity is declared in '${there}'; ${remedy}`;
}

function takenHere(
  next: Declaration,
  { there, here, kind }: { readonly there: string; readonly here: string; readonly kind: DeclarationKind },
): string {
  const option = next.isIdGiven ? "{ id }" : "{ name }";
  // If only the turn tells evaluations apart, two in one turn look like one.
  const tool =
    next.site.evaluation.kind === "other"
      ? ", or by a tool that evaluates the module twice at once, which has to let a turn of the event loop pass"
      : "";
  const cause =
    there === here
      ? `it is declared there already, by a loop or a helper${tool}`
      : `one of that identity is declared at '${there}'`;
  if (kind === "context variable") {
    return `Cannot declare the context variable '${next.id}' at '${here}': ${cause}. Give each a name of its own, or declare one and use it in both places`;
  }
  if (kind === "value of workers") {
    return `Cannot declare the ${kind} '${next.id}' at '${here}': ${cause}. Workers find it by its name: give each a name of its own, or declare one and use it in both places`;
  }
  const minified = next.isIdGiven ? "" : minifiedHint(next.id);
  return `Cannot declare the ${kind} '${next.id}' at '${here}': ${cause}. Workers find it by its identity alone: give each ${option} of its own${minified}`;
}

/** Where both are declared: the nearest places on their paths that differ, or the nearest of all. */
function places(known: DeclarationSite, next: DeclarationSite): readonly [string, string] {
  const there = known.path.split(" ");
  const here = next.path.split(" ");
  const differing = here.findIndex((place, index) => place !== there[index]);
  const index = differing === -1 || there[differing] === undefined ? 0 : differing;
  return [sourcePlace(known.script, there[index] as string), sourcePlace(next.script, here[index] as string)];
}

function textOf(subject: object): string {
  return Function.prototype.toString.call(subject);
}
