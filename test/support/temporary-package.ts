/** Source files in a directory of their own, as fixtures for what imports or runs modules. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** A directory of fixtures. */
export interface TemporaryPackage extends Disposable {
  readonly directory: string;
  /** Path of a file in it. */
  path(file: string): string;
  /** `file:` URL of a file in it. */
  url(file: string): string;
}

/**
 * Writes files into a new temporary directory, which is removed on disposal.
 *
 * @param files Contents by path.
 * @param options `dependencies`: packages of this repository to make resolvable there.
 */
export function temporaryPackage(
  files: Readonly<Record<string, string>>,
  options: { readonly dependencies?: readonly string[] } = {},
): TemporaryPackage {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "merino-test-")));
  const path = (file: string): string => join(directory, file);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(path(file)), { recursive: true });
    writeFileSync(path(file), text);
  }
  for (const name of options.dependencies ?? []) {
    mkdirSync(path("node_modules"), { recursive: true });
    symlinkSync(
      fileURLToPath(new URL(`../../node_modules/${name}`, import.meta.url)),
      path(`node_modules/${name}`),
    );
  }
  return {
    directory,
    path,
    url: (file) => pathToFileURL(path(file)).href,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
