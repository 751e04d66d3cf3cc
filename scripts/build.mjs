/**
 * Builds `src/` into `dist/`, from nothing: declarations by the compiler, which checks the types as well, and
 * the code in a few large ES modules with source maps. One file per source file would cost every program and
 * every worker about half a millisecond each to load; see `docs/decisions/0006-bundled-build.md`.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { build } from "esbuild";
import { ROOT, runOrThrow, TSC } from "./command.mjs";
import { partLazyImports } from "./part-lazy-imports.mjs";

const DIST = path.join(ROOT, "dist");

await rm(DIST, { recursive: true, force: true });
await runOrThrow(process.execPath, [TSC, "-p", "tsconfig.build.json"]);
const common = {
  absWorkingDir: ROOT,
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  packages: "external",
  // Every module that is imported is wanted, also where nothing of it is used in that place.
  ignoreAnnotations: true,
  // Constants and conditions are folded; names and lines stay, for whoever reads a stack.
  minifySyntax: true,
  logLevel: "warning",
};
const entryPoints = {
  index: "src/index.ts",
  "host/main": "src/host/main.ts",
  "cli/merino": "src/cli/merino.ts",
};
const entries = Object.values(entryPoints);
const imports = await readImports(entries);
await build({
  ...common,
  entryPoints,
  // What several doors need is one module, loaded once.
  splitting: true,
  chunkNames: "shared-[hash]",
  sourcemap: true,
  sourcesContent: true,
  plugins: [
    oneCore(findCore(imports, [entryPoints.index, entryPoints["host/main"]]), findDoors(imports, entries)),
  ],
});
await partLazyImports(DIST, ["host/main.js"]);
// A thread of its own shares nothing with the others, and should load little.
await build({
  ...common,
  entryPoints: { "host/listener": "src/host/listener/thread.ts" },
  sourcemap: true,
  sourcesContent: true,
});
// For those who `require` it and cannot load an ES module so: Jest, above all. Node itself takes the module.
await build({
  ...common,
  entryPoints: { index: "src/index.ts" },
  outExtension: { ".js": ".cjs" },
  format: "cjs",
  minifyWhitespace: true,
  logOverride: { "empty-import-meta": "silent" }, // `internal/package-files.ts` does without
});
await writeFile(path.join(DIST, "index.d.cts"), 'export * from "./index.js";\n');
// What programs and workers load besides, and before anything else: it knows the core by its channels only.
await build({
  ...common,
  entryPoints: {
    "opentelemetry/index": "src/opentelemetry/index.ts",
    "opentelemetry/register": "src/opentelemetry/register.ts",
  },
  splitting: true,
  chunkNames: "opentelemetry/shared-[hash]",
  sourcemap: true,
  sourcesContent: true,
});
// Workers and threads are started from files, which `internal/package-files.ts` looks for from these folders.
await assertDeclared("packageFile", [".", "host", "cli"]);

/** Fails the build unless a function has ended up in some of these folders, and nowhere else. */
async function assertDeclared(name, folders) {
  const files = await readdir(DIST, { recursive: true });
  const code = files.filter((file) => file.endsWith(".js"));
  const texts = await Promise.all(code.map((file) => readFile(path.join(DIST, file), "utf8")));
  const places = code
    .filter((_, at) => texts[at].includes(`function ${name}(`))
    .map((file) => path.dirname(file));
  if (places.length > 0 && places.every((place) => folders.includes(place))) return;
  process.stderr.write(
    `build: ${name}() is in '${places.join("', '")}', and has to be in '${folders.join("' or '")}'\n`,
  );
  process.exitCode = 1;
}

/**
 * Reads which modules import which.
 *
 * @returns {Promise<ReadonlyMap<string, readonly { path: string, kind: string }[]>>} By file, from the root.
 */
async function readImports(entries) {
  const { metafile } = await build({ ...common, entryPoints: entries, write: false, metafile: true });
  const own = ({ external }) => external !== true;
  return new Map(Object.entries(metafile.inputs).map(([file, { imports }]) => [file, imports.filter(own)]));
}

/** The modules that programs and workers load alike, as absolute paths: what each of these imports, except lazily. */
function findCore(imports, entries) {
  const [first, ...others] = entries.map((entry) => findLoaded(imports, entry));
  const common = [...first].filter((file) => others.every((loaded) => loaded.has(file)));
  return common.map((file) => path.join(ROOT, file));
}

/** The modules that are loaded with a module, itself among them. */
function findLoaded(imports, entry) {
  const found = new Set([entry]);
  // A set hands out what is added to it meanwhile.
  for (const file of found) {
    for (const { path: imported, kind } of imports.get(file)) {
      if (kind === "import-statement") found.add(imported);
    }
  }
  return found;
}

/** The entries, and the modules that are imported lazily from somewhere, as absolute paths. */
function findDoors(imports, entries) {
  const lazy = [...imports.values()].flat().filter(({ kind }) => kind === "dynamic-import");
  return [...entries, ...lazy.map(({ path: file }) => file)].map((file) => path.join(ROOT, file));
}

/**
 * Keeps the core in one file. The bundler puts modules together that the same doors lead to, and everything that
 * is imported lazily is a door; so every door is made to lead to all of the core. Which these are is known
 * beforehand: one may be loaded before the bundler comes upon the place that imports it lazily.
 */
function oneCore(core, doors) {
  return {
    name: "one core",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^merino:core$/ }, ({ path: specifier }) => ({
        path: specifier,
        namespace: "core",
      }));
      onLoad({ filter: /^merino:core$/, namespace: "core" }, () => ({
        contents: core.map((file) => `import ${JSON.stringify(file)};`).join("\n"),
        resolveDir: ROOT,
      }));
      onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
        if (!doors.includes(file)) return undefined;
        return { contents: `${await readFile(file, "utf8")}\nimport "merino:core";\n`, loader: "ts" };
      });
    },
  };
}
