/** Routines and other declarations as data, for tests that need no stack to declare them from. */
import { createDeclaration, type Declaration } from "../../src/identity/declaration.ts";
import type { DeclaredRoutine } from "../../src/identity/routine-definition.ts";

/** Where something claims to be declared. */
export interface DeclaredAs {
  /** `file:` URL of the module. Default: one in no package. */
  readonly module?: string;
  /** Which evaluation of the module. Default: 1. */
  readonly evaluation?: number;
  /** Which copy of its package. Default: as the module's path shows. */
  readonly copy?: string;
  readonly version?: string;
}

/** Makes a routine with the given identity, declared at the top level of a module. */
export function declaredRoutine(id: string, as: DeclaredAs = {}): DeclaredRoutine {
  const body = (): number => 1;
  const declaration = declared(body, id, as);
  return {
    id,
    name: id.slice(id.lastIndexOf("#") + 1),
    module: declaration.site.module,
    kind: "function",
    body,
    declaredIn: undefined,
    timeoutMs: undefined,
    routine: () => {},
    declaration,
  };
}

/** Makes a declaration at the top level of a module. */
export function declared(subject: object, id: string, as: DeclaredAs = {}): Declaration {
  const { module = "file:///srv/jobs.ts", evaluation: order = 1, ...copy } = as;
  const evaluation = {
    order,
    kind: "import",
    isGuess: false,
    script: "",
    paths: new Map(),
    scriptHash: () => undefined,
  } as const;
  const site = { module, script: module, path: "1:1", isAtTop: true, declaredIn: undefined, evaluation };
  return { ...createDeclaration(subject, site, { id, isIdGiven: false }), ...copy };
}
