/** Parts of `src/` as JavaScript, for tests that need a process without any TypeScript loader. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type TemporaryPackage, temporaryPackage } from "./temporary-package.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const OPTIONS =
  "--ignoreConfig --rootDir src --target es2023 --lib es2024,esnext.disposable --module nodenext --types node " +
  "--rewriteRelativeImportExtensions --skipLibCheck";

/**
 * Compiles modules and what they import into a new temporary package of ES modules.
 *
 * @param modules Paths from `src/`, for example `host/modules/module-loader.ts`.
 */
export function compiledSource(modules: readonly string[]): TemporaryPackage {
  const output = temporaryPackage({ "package.json": '{ "type": "module" }' });
  const files = modules.map((module) => `src/${module}`);
  const args = [...OPTIONS.split(" "), "--outDir", output.directory, ...files];
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", ...args], { cwd: ROOT });
  return output;
}
