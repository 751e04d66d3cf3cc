/**
 * Equates identities whose modules lie in different directories of a package, such as source and build, so that
 * workers started from `dist/` serve callers that run `src/`. Pure; it finds nothing by itself.
 */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { identityFault, parseIdentity } from "../../identity/identity.ts";

/** Two directories of a package, relative to its root, that hold the same modules. `.` is the root itself. */
export interface IdentityMapping {
  readonly from: string;
  readonly to: string;
}

/** Extensions that a compiler turns into one another. */
const EXTENSIONS: readonly (readonly string[])[] = [
  [".ts", ".tsx", ".js", ".jsx"],
  [".mts", ".mjs"],
  [".cts", ".cjs"],
];

/**
 * Reads a mapping in the form of the command line.
 *
 * @param text For example `"dist=src"`.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `map`, fault: caller) if the text is no
 *   mapping.
 * @example
 * parseIdentityMapping("dist=src"); // => { from: "dist", to: "src" }
 */
export function parseIdentityMapping(text: string): IdentityMapping {
  const [from, to, ...rest] = text.split("=").map((part) => part.replace(/^\.\/(?=.)|\/+$/g, ""));
  if (!isDirectory(from) || !isDirectory(to) || from === to || rest.length > 0) {
    throw new InvalidOptionError("map", {
      value: text,
      expected:
        "two different directories, relative to the package's root, as in 'dist=src'; '.' is the root itself",
    });
  }
  return { from, to };
}

/**
 * Lists the other names that an identity may have, the likeliest first. A mapping holds in both directions.
 *
 * @param id The identity as a caller names it.
 * @returns Identities other than `id`; empty if it names no module.
 * @example
 * mappedIdentities("thumbs/src/jobs.ts#resize", [{ from: "dist", to: "src" }])[0];
 * // => "thumbs/dist/jobs.ts#resize"
 */
export function mappedIdentities(id: string, mappings: readonly IdentityMapping[]): readonly string[] {
  const parsed = mappings.length === 0 ? undefined : parseIdentity(id);
  if (parsed === undefined) return [];
  const { packageName, path } = splitModule(parsed.module);
  const found = new Set<string>();
  for (const { from, to } of mappings) {
    for (const [here, there] of [
      [to, from],
      [from, to],
    ] as const) {
      const moved = moveInto(path, here, there);
      if (moved === undefined) continue;
      for (const variant of withExtensions(moved)) found.add(`${packageName}/${variant}#${parsed.name}`);
    }
  }
  found.delete(id);
  return [...found];
}

function isDirectory(text: string | undefined): text is string {
  if (text === undefined || text.includes("#")) return false;
  // Characters that an identity may not contain are refused in a part of one, too.
  return text === "." || identityFault(`package/${text}/module`) === undefined;
}

/** A scoped package's name has two segments. */
function splitModule(module: string): { readonly packageName: string; readonly path: string } {
  const at = module.indexOf("/", module.startsWith("@") ? module.indexOf("/") + 1 : 0);
  return at === -1
    ? { packageName: module, path: "" }
    : { packageName: module.slice(0, at), path: module.slice(at + 1) };
}

function moveInto(path: string, from: string, to: string): string | undefined {
  const inside = from === "." ? path : path.startsWith(`${from}/`) ? path.slice(from.length + 1) : undefined;
  if (inside === undefined || inside === "") return undefined;
  return to === "." ? inside : `${to}/${inside}`;
}

function withExtensions(path: string): readonly string[] {
  const dot = path.lastIndexOf(".");
  const extension = dot === -1 ? "" : path.slice(dot);
  const family = EXTENSIONS.find((extensions) => extensions.includes(extension)) ?? [];
  return [path, ...family.map((other) => path.slice(0, dot) + other)];
}
