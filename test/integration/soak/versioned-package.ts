/** A program's folder with its own copy of the built package, which says that it is of another version. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../../support/repository.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";

/** What a copy of the package needs to find beside it. */
const DEPENDENCIES = ["@grpc", "multicast-dns", "commander"];

/**
 * Writes the files into a new folder in which `merino` is this package, built, as of `version`.
 *
 * @param name Name of the package that the files belong to; routines are known by it.
 */
export function versionedPackage(
  name: string,
  version: string,
  files: Readonly<Record<string, string>>,
): TemporaryPackage {
  const project = temporaryPackage({
    "package.json": JSON.stringify({ name, type: "module" }),
    ...files,
  });
  const copy = project.path("node_modules/merino");
  mkdirSync(copy, { recursive: true });
  cpSync(path.join(ROOT, "dist"), path.join(copy, "dist"), { recursive: true });
  for (const dependency of DEPENDENCIES) {
    symlinkSync(path.join(ROOT, "node_modules", dependency), project.path(`node_modules/${dependency}`));
  }
  const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { version: string };
  writeFileSync(path.join(copy, "package.json"), JSON.stringify({ ...manifest, version }));
  const said = rewriteVersion(path.join(copy, "dist"), manifest.version, version);
  if (said === 0) throw new Error("The built package does not say its version where it was expected");
  return project;
}

/** Returns how many files named the version. */
function rewriteVersion(directory: string, from: string, to: string): number {
  let found = 0;
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".js")) continue;
    const location = path.join(directory, file);
    const text = readFileSync(location, "utf8");
    if (!text.includes(`version = "${from}"`)) continue;
    writeFileSync(location, text.replace(`version = "${from}"`, `version = "${to}"`));
    found += 1;
  }
  return found;
}
