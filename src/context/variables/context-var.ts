/** A context variable: a value that belongs to a branch of execution, and goes with it to workers and back. */
import { assertBoolean, assertKnownOptions } from "../../errors/check-options.ts";
import { ContextError } from "../../errors/context-error.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { RoutineDeclarationError } from "../../errors/routine-declaration-error.ts";
import { declarationSite } from "../../identity/call-site.ts";
import { createDeclaration } from "../../identity/declaration.ts";
import { identityFault } from "../../identity/identity.ts";
import { modulePlace } from "../../identity/package-root.ts";
import { runInInnerScope } from "../inner-scope.ts";
import { noteContext } from "../scope.ts";
import { OwnBinding, withBinding } from "./bindings.ts";
import { BranchToken, isBranchToken } from "./branch-token.ts";
import type { ContextToken } from "./context-token.ts";
import { currentBranch } from "./current-branch.ts";
import { registerVariable } from "./variable-registry.ts";

/** Settings of a {@link ContextVar}. */
export interface ContextVarOptions<T> {
  /** What `get()` gives where the variable has not been set. Default: `undefined`. It never travels. */
  readonly default?: T;
  /** The first part of its identity. Default: the name of the package that declares it. */
  readonly namespace?: string;
  /** Whether what a routine sets is seen by its caller afterwards. Default true. */
  readonly back?: boolean;
  /**
   * Whether a value that cannot travel stays behind, with a warning `MERINO_CONTEXT_LEFT_BEHIND`. Default false: it
   * fails the call.
   */
  readonly lenient?: boolean;
  /** The module that declares it, `import.meta.url`. Default: the one that calls the constructor. */
  readonly module?: string | URL;
}

const KNOWN_OPTIONS: Readonly<Record<keyof ContextVarOptions<unknown>, true>> = {
  default: true,
  namespace: true,
  back: true,
  lenient: true,
  module: true,
};

/**
 * A variable whose value belongs to a branch of execution: what is set before a routine is called is seen in its body,
 * in the calls that it makes and at each step of a generator, in whatever process they run; and what the body sets is
 * seen by its caller afterwards. A variable that is not set costs nothing.
 *
 * Declare it once, at the top level of a module that workers import as well. Its identity is the name of the package
 * and its own. Values travel as arguments do ([values](values.md)).
 *
 * @example
 * const tenant = new ContextVar<string>("tenant", { default: "none" });
 * await tenant.run("acme", async () => {
 *   await add(1, 2); // its body gets "acme" from tenant.get()
 * });
 */
export interface ContextVar<T> {
  /** Its name within its namespace. */
  readonly name: string;
  /** Its identity, `namespace#name`. */
  readonly id: string;
  /**
   * The value that it has here.
   *
   * @throws {@link PayloadError} if the value has come from another process, and names something unknown here.
   */
  get(): T;
  /**
   * Runs a function in a branch of its own in which the variable has this value. What is set in it, the variable's own
   * value included, is not seen outside it.
   *
   * @returns What the function returns.
   */
  run<R>(value: T, fn: () => R): R;
  /**
   * Sets it for what follows in this branch. Outside of any task, `run()` and `fork()` it sets the value of the whole
   * process.
   *
   * @returns A token with which {@link reset} gives it back the value that it had before.
   */
  set(value: T): ContextToken;
  /**
   * Gives it back the value that it had before it was set.
   *
   * @param token What `set()` has returned; it can be used once.
   * @throws {@link ContextError} if the token has been used, or is of another variable or branch.
   */
  reset(token: ContextToken): void;
}

/** How context variables are made. */
export interface ContextVarConstructor {
  /**
   * @param name Its name, unique within its package.
   * @throws {@link RoutineDeclarationError} if another variable has the identity.
   */
  new <T>(name: string, options: ContextVarOptions<T> & { readonly default: T }): ContextVar<T>;
  new <T>(name: string, options?: ContextVarOptions<T>): ContextVar<T | undefined>;
}

class DeclaredContextVar<T> implements ContextVar<T> {
  readonly name: string;
  readonly id: string;
  readonly #default: T;

  constructor(name: string, options: ContextVarOptions<T> = {}) {
    assertName("name", name);
    assertKnownOptions(options, KNOWN_OPTIONS);
    const { namespace, back = true, lenient = false } = options;
    if (namespace !== undefined) assertName("namespace", namespace);
    assertBoolean("back", back);
    assertBoolean("lenient", lenient);
    // The type of the parameter has no constructors; any function on the stack will do.
    const site = declarationSite(DeclaredContextVar as unknown as () => unknown, options.module);
    const id = `${namespace ?? packageOf(site.module)}#${name}`;
    const fault = identityFault(id);
    if (fault !== undefined)
      throw new RoutineDeclarationError(`Cannot declare the context variable '${id}': ${fault}`);
    this.name = name;
    this.id = id;
    this.#default = options.default as T; // undefined where there is none, as the type says
    const declaration = createDeclaration(this, site, { id, isIdGiven: false });
    registerVariable({ declaration, back, lenient });
    noteContext();
  }

  get(): T {
    const binding = currentBranch().bindings.get(this.id);
    return binding === undefined ? this.#default : (binding.value as T);
  }

  run<R>(value: T, fn: () => R): R {
    const around = currentBranch();
    const branch = around.fork(withBinding(around.bindings, this.id, new OwnBinding(value)));
    return runInInnerScope({ branch }, fn);
  }

  set(value: T): ContextToken {
    const branch = currentBranch();
    const token = new BranchToken(this.id, branch.bindings.get(this.id), { branch });
    branch.bindings = withBinding(branch.bindings, this.id, new OwnBinding(value));
    return token;
  }

  reset(token: ContextToken): void {
    if (!isBranchToken(token)) {
      throw new InvalidOptionError("token", { value: token, expected: "what set() has returned" });
    }
    const branch = currentBranch();
    const cannot = `Cannot reset the context variable '${this.id}'`;
    if (token.used) throw new ContextError(`${cannot}: the token has already been used once`);
    if (token.variable !== this.id)
      throw new ContextError(`${cannot}: the token is of another variable, '${token.variable}'`);
    if (!token.isOf(branch)) {
      throw new ContextError(
        `${cannot}: the token was made in another branch of execution; reset it where the variable was set, or in a routine called from there`,
      );
    }
    token.use(branch);
    branch.bindings = withBinding(branch.bindings, this.id, token.previous);
  }
}

export const ContextVar: ContextVarConstructor = DeclaredContextVar;

function assertName(option: string, value: unknown): void {
  if (typeof value === "string" && value !== "" && !value.includes("#")) return;
  throw new InvalidOptionError(option, { value, expected: "a text that is not empty and has no '#'" });
}

/** Name of the package that a module is in. */
function packageOf(module: string): string {
  const [first = "", second = ""] = modulePlace(module).identity.split("/");
  return first.startsWith("@") ? `${first}/${second}` : first;
}
