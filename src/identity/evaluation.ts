/**
 * Tells the evaluations of a module apart. A module is evaluated again by hot reload, by test runners, and by
 * loaders that serve `import` and `require` separately; its declarations then replace the earlier ones, while
 * two declarations in one evaluation are two things. This file finds the evaluation of a declaration;
 * `declaration.ts` decides what follows from it.
 *
 * The evaluations are one list per process, whichever copy of the package asks.
 */
import { ownUrl } from "../internal/package-files.ts";
import { processWide } from "../internal/process-wide.ts";
import { requireFrom } from "../internal/require-from.ts";
import type { ModulePath } from "./module-path.ts";
import { moduleOf } from "./module-url.ts";

/** One run of a module's code from its first line. */
export interface Evaluation {
  /** Counts up over all evaluations in the process: a greater number is later. */
  readonly order: number;
  /** By what means it is known. Evaluations of different kinds live side by side and do not follow one another. */
  readonly kind: "import" | "require" | "other";
  /** The script as V8 names it. */
  readonly script: string;
  /** Whether it may be the one before, of which a function without a name has run again. */
  readonly isGuess: boolean;
  /** SHA-256 of the text that the script had, if V8 says it. Computed when it is first asked for. */
  scriptHash(): string | undefined;
  /** The paths by which something was declared, and in which turn that was last. */
  readonly paths: Map<string, number>;
}

interface Evaluations {
  /** Evaluations of ES modules, by URL with query: Node evaluates none of them twice. */
  readonly byUrl: Map<string, Evaluation>;
  /** By an object that exists once per evaluation: the `Module` of CommonJS, or the function around a script. */
  readonly byObject: WeakMap<object, Evaluation>;
  /** The last one of each script that has no URL of its own. */
  readonly newest: Map<string, Evaluation>;
  /** The last one in which a module has declared something, by kind and module. */
  readonly ofModule: Map<string, Evaluation>;
  /** Scripts with a `file:` URL that were not loaded by Node, but by means of `node:vm`. */
  readonly virtual: Set<string>;
  readonly listeners: Set<(module: string) => void>;
  started: number;
  /** Counts the turns of the microtask queue in which something was declared. */
  turn: number;
  turning: boolean;
}

const evaluations = processWide(
  "identity.evaluations",
  (): Evaluations => ({
    byUrl: new Map(),
    byObject: new WeakMap(),
    newest: new Map(),
    ofModule: new Map(),
    virtual: new Set(),
    listeners: new Set(),
    started: 0,
    turn: 0,
    turning: false,
  }),
);

/** Modules of CommonJS by path; under Jest, those of the test file's own registry. */
const { cache } = requireFrom(ownUrl);

/**
 * Finds the evaluation that a declaration belongs to.
 *
 * An evaluation is identified, in this order, by: the URL of an ES module; the `Module` of CommonJS while it is
 * loading; the function around a script, which V8 gives for code that is not strict. If there is none of these
 * (Jest's and Vite's ES modules, vitest, the modules in a bundle), a path of calls by which something was
 * declared before, in another turn of the microtask queue, begins a new evaluation, and so does another text of
 * the script. A declaration that a named function makes later belongs to the last evaluation of its script.
 *
 * @param module The module, as `moduleOf` writes it; many may be in one script, as in a bundle.
 * @param path The calls that led from the module's body to the declaration.
 */
export function evaluationOf(module: string, path: ModulePath): Evaluation {
  const evaluation = find(module, path);
  const key = `${evaluation.kind} ${module}`;
  const before = evaluations.ofModule.get(key);
  if (before === undefined || before.order < evaluation.order) {
    evaluations.ofModule.set(key, evaluation);
    if (before !== undefined && !evaluation.isGuess && !isCopy(before, evaluation))
      for (const listener of evaluations.listeners) listener(module);
  }
  return evaluation;
}

/**
 * Calls a listener whenever a module is evaluated again: at its first declaration, before that is registered.
 *
 * @param listener Gets the module's URL. It must not throw.
 * @returns A function that ends it.
 */
export function onReevaluation(listener: (module: string) => void): () => void {
  evaluations.listeners.add(listener);
  return () => {
    evaluations.listeners.delete(listener);
  };
}

/**
 * Whether two evaluations are of two copies of a module: bundlers put one into several files, of which each is loaded
 * when it is first needed. In development another file may as well have what has changed.
 */
function isCopy(one: Evaluation, other: Evaluation): boolean {
  if (process.env.NODE_ENV !== "production" || one.script === other.script) return false;
  return moduleOf(one.script) !== moduleOf(other.script);
}

function find(module: string, path: ModulePath): Evaluation {
  const { script } = path;
  const { byUrl, byObject, newest } = evaluations;
  if (isImported(path)) {
    let evaluation = byUrl.get(script);
    if (evaluation === undefined) {
      evaluation = begin("import", path, false);
      byUrl.set(script, evaluation);
    }
    return evaluation;
  }
  const loading = path.end === "factory" ? undefined : loadingModule(script);
  const token = loading ?? (path.end === "body" ? path.outermost() : undefined);
  const before = token === undefined ? newest.get(script) : byObject.get(token);
  if (before !== undefined && (token !== undefined || continues(before, path))) return before;
  const isGuess =
    path.end === "callback" &&
    before?.scriptHash() === path.scriptHash() &&
    // In a file that holds modules of other files, such a function is one that a tool has put around a module.
    moduleOf(path.script) === module;
  const evaluation = begin(loading === undefined ? "other" : "require", path, isGuess);
  newest.set(script, evaluation);
  if (token !== undefined) byObject.set(token, evaluation);
  else evaluation.paths.set(path.text, currentTurn());
  return evaluation;
}

function begin(kind: Evaluation["kind"], path: ModulePath, isGuess: boolean): Evaluation {
  let hash: string | undefined;
  let asked: ModulePath | undefined = path;
  return {
    order: ++evaluations.started,
    kind,
    script: path.script,
    isGuess,
    paths: new Map(),
    scriptHash() {
      if (asked !== undefined) hash = asked.scriptHash();
      asked = undefined; // with the stack frame that it has
      return hash;
    },
  };
}

/** Whether it is an ES module that Node has loaded. */
function isImported({ script, isEvaluated, caller }: ModulePath): boolean {
  if (isEvaluated || !/^file:/i.test(script)) return false;
  if (caller !== undefined && /^node:(?:internal\/)?vm\b/.test(caller)) evaluations.virtual.add(script);
  return !evaluations.virtual.has(script);
}

/** The module of CommonJS that a script is being loaded as. Modules in one bundle share that of the bundle. */
function loadingModule(script: string): object | undefined {
  const module = cache[script];
  return module?.loaded === false ? module : undefined;
}

/** Whether a declaration still belongs to the last evaluation of its script. */
function continues(evaluation: Evaluation, path: ModulePath): boolean {
  if (path.end === "function") return true;
  if (evaluation.scriptHash() !== path.scriptHash()) return false;
  const turn = currentTurn();
  const before = evaluation.paths.get(path.text);
  if (before !== undefined && before !== turn) return false;
  evaluation.paths.set(path.text, turn);
  return true;
}

function currentTurn(): number {
  if (!evaluations.turning) {
    evaluations.turning = true;
    queueMicrotask(() => {
      evaluations.turn++;
      evaluations.turning = false;
    });
  }
  return evaluations.turn;
}
