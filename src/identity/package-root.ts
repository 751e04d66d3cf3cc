/**
 * Gives a module the name it has on every host: its package and its path inside it. Nothing resolves such a
 * name back to a file: callers send the URL of the module along. The answer for a module never changes while
 * the process runs.
 */
import { readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The name of a module, and the copy of its package it is in. */
export interface ModulePlace {
  /** `<package name>/<path>`; see {@link moduleIdentity}. */
  readonly identity: string;
  /**
   * Which copy of the package, if a program has several: the path of its root from the first `/node_modules/`
   * on, which is the same wherever the program is installed. Empty for a module outside `node_modules`.
   */
  readonly copy: string;
  /** The package's version; empty without one. */
  readonly version: string;
  /** The package's root directory; absent for a module outside every named package. */
  readonly root: string | undefined;
}

interface PackageRoot {
  readonly name: string;
  readonly version: string;
  readonly directory: string;
}

const roots = new Map<string, PackageRoot | undefined>();
const places = new Map<string, ModulePlace>();

/** The directory in which packages are installed, as it stands in a path. */
export const INSTALLED = "/node_modules/";

/**
 * Finds the package of a module.
 *
 * The package is the nearest directory upwards whose `package.json` has a name; nameless ones, as builds put
 * into `dist/` to set the module system, are passed over. A module outside every named package is named by
 * its absolute path behind `~/`, which means the same module on this host only.
 *
 * @param moduleUrl A `file:` URL. Query and fragment do not matter.
 */
export function modulePlace(moduleUrl: string): ModulePlace {
  const known = places.get(moduleUrl);
  if (known !== undefined) return known;
  const url = new URL(moduleUrl);
  url.search = "";
  url.hash = "";
  const path = fileURLToPath(url);
  const root = findRoot(dirname(path));
  const inside = root === undefined ? path.replace(/^[\\/]+/, "") : relative(root.directory, path);
  const place: ModulePlace = {
    identity: `${root?.name ?? "~"}/${withSlashes(inside)}`.normalize("NFC"),
    copy: root === undefined ? "" : copyOf(withSlashes(root.directory)),
    version: root?.version ?? "",
    root: root?.directory,
  };
  places.set(moduleUrl, place);
  return place;
}

/**
 * Names a module by its package.
 *
 * @param moduleUrl A `file:` URL. Query and fragment do not matter.
 * @returns `<package name>/<path>`, with `/` on every platform and in Unicode's composed form, because some
 *   file systems give names back decomposed.
 * @example
 * moduleIdentity("file:///srv/thumbs/src/jobs.ts"); // => "thumbs/src/jobs.ts"
 */
export function moduleIdentity(moduleUrl: string): string {
  return modulePlace(moduleUrl).identity;
}

/**
 * Lists the packages that a directory is in, the nearest first: in a monorepo, the member and the whole.
 *
 * @returns Name and root of each.
 */
export function enclosingPackages(
  directory: string,
): readonly { readonly name: string; readonly directory: string }[] {
  const found: PackageRoot[] = [];
  let root = findRoot(directory);
  while (root !== undefined) {
    found.push(root);
    const parent = dirname(root.directory);
    root = parent === root.directory ? undefined : findRoot(parent);
  }
  return found;
}

function copyOf(directory: string): string {
  const at = directory.indexOf(INSTALLED);
  return at === -1 ? "" : directory.slice(at).normalize("NFC");
}

/** A path as URLs and identities have it. */
export function withSlashes(path: string): string {
  return path.split(sep).join("/");
}

function findRoot(directory: string): PackageRoot | undefined {
  if (roots.has(directory)) return roots.get(directory);
  const found = readPackage(directory);
  const parent = dirname(directory);
  const root =
    found !== undefined ? { ...found, directory } : parent === directory ? undefined : findRoot(parent);
  roots.set(directory, root);
  return root;
}

/** Name and version in a directory's `package.json`; `undefined` if there is none with a name. */
function readPackage(directory: string): { readonly name: string; readonly version: string } | undefined {
  try {
    const text = readFileSync(join(directory, "package.json"), "utf8").replace(/^\uFEFF/, "");
    const { name, version } = JSON.parse(text) as { readonly name?: unknown; readonly version?: unknown };
    if (typeof name !== "string" || !/^(?:@[^@/\\\s#:]+\/)?[^@/\\\s.~#:][^/\\\s#:]*$/.test(name))
      return undefined;
    return { name, version: typeof version === "string" ? version : "" };
  } catch {
    // Missing, unreadable or malformed: Node itself reports that when it matters.
    return undefined;
  }
}
