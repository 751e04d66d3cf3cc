/**
 * Which copy of a package is meant, where a process has several: `node_modules` may hold one within another, of
 * equal or different versions, and identities are equal in all of them. It chooses; it imports nothing.
 */
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { INSTALLED, modulePlace, withSlashes } from "./package-root.ts";

/** A copy of a package, as peers name it. */
export interface PackageCopy {
  /** Path of the package's root from the first `/node_modules/` on; empty for what is not installed there. */
  readonly copy: string;
  /** The package's version; empty where it has none, or where it is not known. */
  readonly version: string;
}

/** Something that was declared in a copy of a package. */
interface OfCopy {
  readonly declaration: PackageCopy;
}

/**
 * Chooses the one that is meant among things of one identity.
 *
 * That is the one of the same copy and version; else one of the same version, since that has the same code; else
 * the one of the same copy, which is another release of it; else the only one.
 *
 * @param wanted Absent: nothing is known of it; then it is enough that all are of one version.
 * @returns `undefined` if there is none, or if nothing tells which of several.
 */
export function chooseCopy<T extends OfCopy>(
  candidates: readonly T[],
  wanted: PackageCopy | undefined,
): T | undefined {
  const last = candidates.at(-1);
  if (candidates.length <= 1 || last === undefined) return last;
  if (wanted === undefined) {
    const { version } = last.declaration;
    const isOne = version !== "" && candidates.every(({ declaration }) => declaration.version === version);
    return isOne ? last : undefined;
  }
  const ofCopy = candidates.find(({ declaration }) => declaration.copy === wanted.copy);
  if (ofCopy?.declaration.version === wanted.version) return ofCopy;
  return candidates.findLast((candidate) => isSameVersion(candidate, wanted)) ?? ofCopy;
}

/**
 * Chooses the one that a module would get by importing the package.
 *
 * @param module URL of the module.
 * @returns `undefined` if it would get none of them, or if it could get several under different names.
 */
export function chooseVisible<
  T extends { readonly declaration: { readonly site: { readonly module: string } } },
>(candidates: readonly T[], module: string): T | undefined {
  const roots = candidates.map(({ declaration }) => modulePlace(declaration.site.module).root);
  for (let directory = dirname(fileURLToPath(module)); ; directory = dirname(directory)) {
    const visible = candidates.filter((_, index) => isVisible(roots[index], directory));
    if (visible.length > 0) return visible.length === 1 ? visible[0] : undefined;
    if (directory === dirname(directory)) return undefined;
  }
}

/** Whether a package is the one in a directory, or is installed there. */
function isVisible(root: string | undefined, directory: string): boolean {
  if (root === undefined) return false;
  if (root === directory) return true;
  const at = withSlashes(root).lastIndexOf(INSTALLED);
  if (at === -1) return false;
  try {
    // Packages are often installed as links to where they are kept.
    return realpathSync(join(directory, root.slice(at))) === root;
  } catch {
    return false; // not installed there
  }
}

/** Whether it is of the same version, where both are known. */
export function isSameVersion({ declaration }: OfCopy, wanted: PackageCopy): boolean {
  return wanted.version !== "" && declaration.version === wanted.version;
}

/** Lists copies of a package, for a message. */
export function listCopies(candidates: readonly OfCopy[]): string {
  return candidates
    .map(({ declaration: { copy, version } }) => {
      const place = copy === "" ? "the one outside of 'node_modules'" : `'${copy}'`;
      return version === "" ? place : `${place} (${version})`;
    })
    .join(", ");
}

/**
 * The copy that a module's URL shows, on whatever host it lies.
 *
 * @param moduleUrl A `file:` URL.
 * @returns Empty for a module that is not in `node_modules`.
 * @example
 * copyOfModule("file:///srv/a/node_modules/@x/lib/dist/index.js"); // => "/node_modules/@x/lib"
 */
export function copyOfModule(moduleUrl: string): string {
  const first = moduleUrl.indexOf(INSTALLED);
  if (first === -1) return "";
  const last = moduleUrl.lastIndexOf(INSTALLED) + INSTALLED.length;
  const end = /^(?:@[^/]+\/)?[^/]+/.exec(moduleUrl.slice(last))?.[0].length ?? 0;
  return decoded(moduleUrl.slice(first, last + end));
}

/** As file systems have it, which is how a declaration has it. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path).normalize("NFC");
  } catch {
    return path; // no URL of ours
  }
}
