/**
 * Builds `src/` into `dist/`, from nothing: declarations by the compiler, which checks the types as well, and
 * the code in a few large ES modules with source maps. One file per source file would cost every program and
 * every worker about half a millisecond each to load; see `docs/decisions/0006-bundled-build.md`.
 */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { build } from "esbuild";
import { ROOT, runOrThrow } from "./command.mjs";

const DIST = path.join(ROOT, "dist");

await rm(DIST, { recursive: true, force: true });
await runOrThrow("tsc", ["-p", "tsconfig.build.json"]);
await build({
  absWorkingDir: ROOT,
  entryPoints: { index: "src/index.ts", "host/main": "src/host/main.ts" },
  outdir: "dist",
  bundle: true,
  // What both doors need is one module, loaded once where both are.
  splitting: true,
  chunkNames: "shared-[hash]",
  format: "esm",
  platform: "node",
  target: "node20.19",
  packages: "external",
  sourcemap: true,
  sourcesContent: true,
  logLevel: "warning",
});
// A pool starts its workers from a file beside the one that names it; see `process/process-worker.ts`.
const index = await readFile(path.join(DIST, "index.js"), "utf8");
if (!index.includes('"./host/main.js"')) {
  process.stderr.write(
    "build: the code that names './host/main.js' is not in dist/index.js, beside which it lies\n",
  );
  process.exitCode = 1;
}
