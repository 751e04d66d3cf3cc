/** Routines as data, for tests that need no stack to declare them from. */
import { createDeclaration } from "../../src/identity/declaration.ts";
import type { DeclaredRoutine } from "../../src/identity/routine-definition.ts";

/** Where a routine claims to be declared. */
export interface DeclaredAs {
  /** `file:` URL of the module. Default: one in no package. */
  readonly module?: string;
  /** Which evaluation of the module. Default: 1. */
  readonly evaluation?: number;
}

/** Makes a routine with the given identity, declared at the top level of a module. */
export function declaredRoutine(id: string, as: DeclaredAs = {}): DeclaredRoutine {
  const { module = "file:///srv/jobs.ts", evaluation = 1 } = as;
  const body = (): number => 1;
  const site = {
    module,
    script: module,
    path: "1:1",
    isAtTop: true,
    declaredIn: undefined,
    evaluation: evaluationOf(evaluation),
  };
  return {
    id,
    name: id.slice(id.lastIndexOf("#") + 1),
    module,
    kind: "function",
    body,
    declaredIn: undefined,
    timeoutMs: undefined,
    routine: () => {},
    declaration: createDeclaration(body, site, { id, isIdGiven: false }),
  };
}

function evaluationOf(order: number): DeclaredRoutine["declaration"]["site"]["evaluation"] {
  return { order, kind: "import", paths: new Map(), scriptHash: () => undefined };
}
