/**
 * Where the files of this package lie: as sources, as the build, or installed beside a bundle that has taken the library
 * in. Workers and threads are started from files.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { installedPackage } from "./require-from.ts";

/** A file from which something is started. */
export interface PackageFile {
  /** Its path in `src/`, without the extension. */
  readonly source: string;
  /** Its path in `dist/`, likewise. */
  readonly built: string;
}

/** URL of the file that this code is in: of this module, of a chunk of the build, or of a bundle. */
export const ownUrl: string = import.meta.url ?? pathToFileURL(bundlePath()).href;

/**
 * Finds a file of the package.
 *
 * @param version Of this code; an installed package has to be of the same one.
 * @returns Why there is none and what to do, if the library is in a bundle and is not installed beside it.
 */
export function packageFile({ source, built }: PackageFile, version: string): URL | string {
  if (ownUrl.endsWith(".ts")) return new URL(`../${source}.ts`, ownUrl);
  const top = /\/dist\/(?:host|cli)\/[^/]+$/.test(ownUrl) ? ".." : ".";
  const beside = new URL(`${top}/${built}.js`, ownUrl);
  if (existsSync(beside)) return beside;
  const place = `'${ownUrl}', and workers are started from files of its own`;
  const directory = findInstalled();
  if (directory === undefined) {
    return `the library is part of ${place}, which are neither beside that nor installed; keep "merino" out of the bundle (as an external package), and install it where the bundle runs`;
  }
  const found = versionIn(directory);
  if (found === version) return pathToFileURL(join(directory, "dist", `${built}.js`));
  return `the library is part of ${place}, of version ${version}; the one that is installed is ${found}; install that version`;
}

/** The directory in which a module beside the bundle, or one in the current directory, would find this package. */
function findInstalled(): string | undefined {
  for (const base of [() => ownUrl, () => join(process.cwd(), "program.js")]) {
    try {
      return installedPackage("merino", base());
    } catch {
      // Not installed there, or the current directory has been removed.
    }
  }
  return undefined;
}

function versionIn(directory: string): string {
  const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as {
    readonly version?: unknown;
  };
  return String(version);
}

/** In a bundle of CommonJS, the file. */
function bundlePath(): string {
  return typeof __filename === "string" ? __filename : join(process.cwd(), "bundle.js");
}
