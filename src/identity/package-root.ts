/**
 * Gives a module the name it has on every host: its package and its path inside it. Resolving such a name
 * back to a file is not done here. The answer for a module never changes while the process runs.
 */
import { readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

interface PackageRoot {
  readonly name: string;
  readonly directory: string;
}

const roots = new Map<string, PackageRoot | undefined>();

/**
 * Names a module by its package.
 *
 * The package is the nearest directory upwards whose `package.json` has a name; nameless ones, as builds put
 * into `dist/` to set the module system, are passed over. A module outside every named package is named by
 * its absolute path behind `~/`, which means the same module on this host only.
 *
 * @param moduleUrl A `file:` URL. Query and fragment do not matter.
 * @returns `<package name>/<path>`, with `/` on every platform and in Unicode's composed form, because some
 *   file systems give names back decomposed.
 * @example
 * moduleIdentity("file:///srv/thumbs/src/jobs.ts"); // => "thumbs/src/jobs.ts"
 */
export function moduleIdentity(moduleUrl: string): string {
  const url = new URL(moduleUrl);
  url.search = "";
  url.hash = "";
  const path = fileURLToPath(url);
  const root = findRoot(dirname(path));
  const inside = root === undefined ? path.replace(/^[\\/]+/, "") : relative(root.directory, path);
  return `${root?.name ?? "~"}/${inside.split(sep).join("/")}`.normalize("NFC");
}

function findRoot(directory: string): PackageRoot | undefined {
  if (roots.has(directory)) return roots.get(directory);
  const name = packageName(directory);
  const parent = dirname(directory);
  const root = name !== undefined ? { name, directory } : parent === directory ? undefined : findRoot(parent);
  roots.set(directory, root);
  return root;
}

/** The name in a directory's `package.json`; `undefined` without one that could name a package. */
function packageName(directory: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8").replace(/^\uFEFF/, ""));
    return typeof name === "string" && /^(?:@[^@/\\\s#:]+\/)?[^@/\\\s.~#:][^/\\\s#:]*$/.test(name)
      ? name
      : undefined;
  } catch {
    // Missing, unreadable or malformed: Node itself reports that where it matters.
    return undefined;
  }
}
