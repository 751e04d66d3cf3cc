/**
 * Which modules belong to the project that a worker was started for. Two releases of a program may lie on one host,
 * and the callers of each find the workers of the other; a worker imports the code of its own one only. It decides by
 * the packages that a module is in, and reads nothing but their `package.json`.
 */
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { moduleOf } from "../../identity/module-url.ts";
import { enclosingPackages, INSTALLED, withSlashes } from "../../identity/package-root.ts";
import { ownUrl } from "../../internal/package-files.ts";

/** The project of one worker, as far as it is known. It grows with what the worker imports. */
export class OwnProject {
  /** Roots of the packages that are known to belong to it, by name. */
  readonly #roots = new Map<string, Set<string>>();
  /** Directories in which its code lies. */
  readonly #directories = new Set<string>();

  /**
   * Takes a module for one of the project.
   *
   * @param moduleUrl `file:` URL.
   */
  add(moduleUrl: string): void {
    this.addDirectory(dirname(fileURLToPath(moduleUrl)));
  }

  /** Takes a directory, and the packages it is in, for the project's. */
  addDirectory(directory: string): void {
    const own = ownPart(directory);
    if (this.#directories.has(own)) return;
    this.#directories.add(own);
    for (const { name, directory: root } of enclosingPackages(own)) {
      const roots = this.#roots.get(name);
      if (roots === undefined) this.#roots.set(name, new Set([root]));
      else roots.add(root);
    }
  }

  /**
   * Whether a module belongs to the project.
   *
   * It does not if it is in a package that the project has somewhere else. Of a module in `node_modules`, the packages
   * that have installed it count. Where none of them has a name, the project's code must lie in the directory that has
   * installed it.
   *
   * @param moduleUrl `file:` URL.
   */
  includes(moduleUrl: string): boolean {
    const directory = dirname(fileURLToPath(moduleUrl));
    const own = ownPart(directory);
    const packages = enclosingPackages(own);
    if (packages.length > 0) {
      return packages.every(({ name, directory: root }) => this.#roots.get(name)?.has(root) !== false);
    }
    if (own === directory) return true;
    const inside = own.endsWith(sep) ? own : `${own}${sep}`;
    return [...this.#directories].some((known) => `${known}${sep}`.startsWith(inside));
  }
}

/**
 * What is known of this worker's project from the start: the modules it was started with, its current directory,
 * and where this package is installed.
 *
 * @param modules `file:` URLs.
 */
export function ownProject(modules: readonly string[]): OwnProject {
  const project = new OwnProject();
  for (const module of [...modules, ownUrl]) project.add(moduleOf(module) ?? module);
  try {
    project.addDirectory(process.cwd());
  } catch {
    // It has been removed.
  }
  return project;
}

/** The part of a path before the first `node_modules`, which is whose it is. */
function ownPart(directory: string): string {
  const at = `${withSlashes(directory)}/`.indexOf(INSTALLED);
  return at === -1 ? directory : directory.slice(0, at) || sep;
}
