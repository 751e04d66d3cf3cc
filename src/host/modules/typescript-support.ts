/**
 * Makes this process able to import TypeScript if its parent could by means that a child does not inherit, a
 * test runner's own transform or a loader that was registered by code, or has none, as the command. It uses the
 * `tsx` that is installed beside the module; it brings none of its own. It acts before the first import of a
 * TypeScript file, since Node remembers a failed import.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";
import { importModule } from "../../internal/import-module.ts";
import { processWide } from "../../internal/process-wide.ts";
import { installedPackage, requireFrom } from "../../internal/require-from.ts";

/** Loaders that take TypeScript, as they appear in `--import`, `--loader` and `--require`. */
const LOADERS =
  /(?:^|[\\/=@\s"])(?:tsx|ts-node|swc-node|esbuild-register|oxc-node|jiti|sucrase|amaro)(?:[\\/@"\s]|$)/;

const TYPESCRIPT = /\.[cm]?tsx?$/;

/** What to do where there is no tsx, or it is not in use. */
const REMEDY = "install tsx beside it (npm install --save-dev tsx)";

/** tsx among them, which a thread of Node 20 inherits without effect: there it has to be registered by a call. */
const TSX = /(?:^|[\\/\s"]|^--[a-z-]+=)tsx(?:[\\/"\s]|$)/;
const TSX_BY_CALL = !isMainThread && /^v20\./.test(process.version);

const support = processWide("host.typescript", (): { registered?: Promise<void> } => ({}));

/**
 * Prepares the import of a module, if it is TypeScript that this process cannot load yet. Concurrent callers
 * share one preparation; a failed one is tried again for the next module, which may have tsx at hand.
 *
 * Node's own stripping of types serves programs that run by it. Others may be used to enums, or to naming x.ts as
 * './x.js', which it does not take: where tsx is installed, they get that.
 *
 * @param moduleUrl `file:` URL of the module.
 * @param entry `file:` URL of the program's entry module, if there is a program.
 * @throws Error saying what to install, if nothing can load the file: the reason why the import fails.
 */
export async function ensureTypeScript(moduleUrl: string, entry: string | undefined): Promise<void> {
  if (!isTypeScript(moduleUrl) || hasLoader()) return;
  const node = canStripTypes(moduleUrl);
  if (node && entry !== undefined && isTypeScript(entry)) return;
  const tsx = findTsx(moduleUrl);
  if (tsx !== undefined) {
    await registerOnce(tsx);
  } else if (!node && support.registered === undefined && requireHook(moduleUrl) === undefined) {
    const error = new Error(
      `this worker runs on Node ${process.version}, which does not take this file ` +
        `as it is; ${REMEDY}, or build it to JavaScript`,
    );
    error.stack = `${error.name}: ${error.message}`; // no line is the user's
    throw error;
  }
}

function registerOnce(tsx: string): Promise<void> {
  support.registered ??= register(tsx).catch((error: unknown) => {
    delete support.registered;
    throw error;
  });
  return support.registered;
}

/**
 * Prepares another attempt by tsx, if that is installed, for TypeScript that Node has not taken after all: its program
 * may be run by a tool that leaves no trace. Nothing of the module has run, unless it is one of CommonJS.
 *
 * @param moduleUrl `file:` URL of a module whose import has failed.
 * @param error Why.
 * @returns A function that imports it; `undefined` if tsx would not help. Node 22 remembers failures of what it imports.
 */
export async function tsxFor(
  moduleUrl: string,
  error: unknown,
): Promise<(() => Promise<unknown>) | undefined> {
  if (support.registered !== undefined || typeScriptAdvice(moduleUrl, error, undefined) === "")
    return undefined;
  const tsx = findTsx(moduleUrl);
  if (tsx === undefined) return undefined;
  await registerOnce(tsx);
  return () => importModule(moduleUrl);
}

/**
 * What to do about TypeScript that Node's own stripping of types does not take, as the end of a sentence; `""` for
 * any other failure.
 *
 * @param moduleUrl `file:` URL of the module whose import has failed.
 * @param error Why.
 * @param entry `file:` URL of the program's entry module, if there is a program.
 */
export function typeScriptAdvice(moduleUrl: string, error: unknown, entry: string | undefined): string {
  if (!(error instanceof Error) || !isTypeScript(moduleUrl) || hasLoader()) return "";
  const remedy = entry === undefined ? REMEDY : `${REMEDY}, and start the program with it`;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") return `; ${remedy}, or build it to JavaScript`;
  if (code !== "ERR_MODULE_NOT_FOUND") return "";
  const [, path, kind = ""] = /'([^']+)\.([cm]?)js'/.exec(error.message) ?? [];
  const source = `${path}.${kind}ts`;
  if (path === undefined || !existsSync(source)) return "";
  return `; there is '${source}', which Node finds by that name only: write it so, or ${remedy}`;
}

function isTypeScript(moduleUrl: string): boolean {
  return TYPESCRIPT.test(new URL(moduleUrl).pathname);
}

/** Why Node's `import` does not take a file that a hook of `require` may take. */
const NOT_TAKEN = new Set(["ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX"]);

/**
 * Hooks of `require`, which `-r` preloads, do not see what is imported.
 *
 * @param moduleUrl `file:` URL of a module whose import has failed.
 * @param error Why.
 * @returns A function that loads it as such hooks do; `undefined` if there are none for it, or if they would not help.
 */
export function requireHookFor(moduleUrl: string, error: unknown): (() => unknown) | undefined {
  if (!(error instanceof Error) || !NOT_TAKEN.has(String((error as NodeJS.ErrnoException).code)))
    return undefined;
  return requireHook(moduleUrl);
}

/**
 * Whether a hook of `require` is meant to load a file that Node's `import` would take as well, in its own way: one that
 * `-r` has preloaded, for a file of CommonJS.
 *
 * @param moduleUrl `file:` URL.
 * @returns As {@link requireHookFor}.
 */
export function preferredRequireHook(moduleUrl: string): (() => unknown) | undefined {
  const path = fileURLToPath(moduleUrl);
  const extension = extname(path);
  if (!/^\.(?:c?ts|tsx)$/.test(extension) || !isPreloading()) return undefined;
  return extension !== ".cts" && isModulePackage(path) ? undefined : requireHook(moduleUrl);
}

/** Whether something was to be loaded by `require` before the program. */
function isPreloading(): boolean {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(" ")].some((text) =>
    /^(?:-r|--require)(?:=|$)/.test(text),
  );
}

/** Whether the nearest package.json says that its files are ES modules. */
function isModulePackage(path: string): boolean {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    try {
      const text = readFileSync(join(directory, "package.json"), "utf8");
      return (JSON.parse(text) as { readonly type?: unknown }).type === "module";
    } catch {
      // There is none here, or none that can be read.
    }
    if (directory === dirname(directory)) return false;
  }
}

function requireHook(moduleUrl: string): (() => unknown) | undefined {
  const path = fileURLToPath(moduleUrl);
  const require = requireFrom(moduleUrl);
  const hook = require.extensions[extname(path)];
  // Node has one of its own, where it strips types.
  return hook === undefined || hook.name === "loadTS" || hook.name === "loadCTS"
    ? undefined
    : () => require(path);
}

function hasLoader(): boolean {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ""].some(
    (text) => LOADERS.test(text) && !(TSX_BY_CALL && TSX.test(text)),
  );
}

/** Node's own stripping takes neither JSX nor anything in `node_modules`. */
function canStripTypes(moduleUrl: string): boolean {
  const { typescript } = process.features as { readonly typescript?: unknown };
  const stripping = typescript === "strip" || typescript === "transform";
  return stripping && !moduleUrl.endsWith("x") && !moduleUrl.includes("/node_modules/");
}

/** The directory of the tsx that the module's package, or the program, has installed. */
function findTsx(moduleUrl: string): string | undefined {
  for (const base of [() => moduleUrl, () => pathToFileURL(join(process.cwd(), "program.js"))]) {
    try {
      return installedPackage("tsx", base());
    } catch {
      // Not installed there, or the current directory has been removed.
    }
  }
  return undefined;
}

async function register(directory: string): Promise<void> {
  const load = (path: string): Promise<unknown> => importModule(pathToFileURL(join(directory, path)).href);
  if (isMainThread) {
    await load(loaderOf(directory));
    return;
  }
  // In a thread the loader above has no effect on Node 20; these entry points have, in this form only.
  const apis = await Promise.all([load("dist/cjs/api/index.mjs"), load("dist/esm/api/index.mjs")]);
  for (const api of apis) (api as { register(): unknown }).register();
}

/** The file that `--import tsx` would load. */
function loaderOf(directory: string): string {
  const require = requireFrom(join(directory, "package.json"));
  const { exports } = require("./package.json") as { exports?: Record<string, unknown> };
  const main = exports?.["."];
  return typeof main === "string" ? main : "dist/loader.mjs";
}
