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
/** What a pool without workers loads lazily. */
const LOCAL_SERVICE = "src/pool/workers/local-service.ts";

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
  "host/thread-main": "src/host/thread-main.ts",
  "cli/merino": "src/cli/merino.ts",
};
const imports = await readImports(Object.values(entryPoints));
const { metafile } = await build({
  ...common,
  entryPoints,
  metafile: true,
  // What several doors need is one module, loaded once.
  splitting: true,
  chunkNames: "shared-[hash]",
  sourcemap: true,
  sourcesContent: true,
  plugins: [grouped(findGroups(imports))],
});
assertSpared(metafile, entryPoints.index, ["src/worker/task-server.ts", "src/transport/grpc/channel.ts"]);
for (const host of ["host/main", "host/thread-main"]) {
  assertSpared(metafile, entryPoints[host], ["src/pool/worker-pool.ts", "src/transport/grpc/channel.ts"]);
}
await partLazyImports(DIST, ["host/main.js", "host/thread-main.js"]);
await narrow(DIST);
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
// In the syntax of CommonJS: Turbopack, which takes every file here for a part of the program, stops at any other.
await writeFile(path.join(DIST, "index.d.cts"), 'import merino = require("./index.js");\nexport = merino;\n');
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

/**
 * Replaces what is beyond Latin-1 in the comments, with one character each: V8 keeps a text with a single such character
 * in two bytes for each. Anywhere else the bundler has escaped it.
 */
async function narrow(folder) {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".js")) continue;
    const file = path.join(folder, name);
    const code = await readFile(file, "utf8");
    const narrowed = code.replaceAll("\u2212", "-").replaceAll(/[^\0-\xff]/g, "?");
    if (narrowed !== code) await writeFile(file, narrowed);
  }
}

/** Fails the build if an entry loads modules that it has no use for, in whichever files they have ended up. */
function assertSpared({ outputs }, entry, modules) {
  const [first] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === entry);
  const files = new Set([first]);
  // A set hands out what is added to it meanwhile.
  for (const file of files) {
    for (const { path: imported, kind } of outputs[file].imports) {
      if (kind === "import-statement" && imported in outputs) files.add(imported);
    }
  }
  const loaded = new Set([...files].flatMap((file) => Object.keys(outputs[file].inputs)));
  const found = modules.filter((module) => loaded.has(module));
  if (found.length === 0 && loaded.size > 0) return;
  process.stderr.write(`build: '${entry}' loads '${found.join("', '")}', and is not to\n`);
  process.exitCode = 1;
}

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

/**
 * Decides which modules come in one file, because whoever loads one of them loads nearly all: what programs load, and
 * the command; and the core, which is that part of what programs or workers load which others load as well. What workers
 * alone load follows from that.
 *
 * @returns {readonly { name: string, modules: readonly string[], doors: readonly string[] }[]} Modules and doors as
 *   absolute paths; every door leads to all modules of its group.
 */
function findGroups(imports) {
  const { index, "host/main": host, "host/thread-main": threadHost } = entryPoints;
  const lazy = [...imports.values()].flat().filter(({ kind }) => kind === "dynamic-import");
  const doors = new Set([...Object.values(entryPoints), ...lazy.map(({ path: file }) => file)]);
  const loadedBy = new Map([...doors].map((door) => [door, findLoaded(imports, door)]));
  const programs = [...doors].filter((door) => door === index || door.startsWith("src/cli/"));
  const loaded = (doors) => [...new Set(doors.flatMap((door) => [...loadedBy.get(door)]))];
  const except = (own) => new Set(loaded([...doors].filter((door) => !own.includes(door))));
  const [byOthers, beyondWorkers] = [except(programs), except([host, threadHost, LOCAL_SERVICE])];
  const core = new Set([
    ...loaded([index]).filter((file) => byOthers.has(file)),
    ...loaded([host]).filter((file) => beyondWorkers.has(file)),
  ]);
  const rest = loaded([index]).filter((file) => !core.has(file));
  const group = (name, files, doors) => {
    const absolute = (files) => files.map((file) => path.join(ROOT, file));
    return { name, modules: absolute(files.filter((file) => !doors.includes(file))), doors: absolute(doors) };
  };
  return [group("core", [...core], [...doors]), group("program", rest, programs)];
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

/**
 * Keeps groups of modules in one file each. The bundler puts modules together that the same doors lead to, and
 * everything that is imported lazily is a door; so every door of a group is made to lead to all of it. Which these are
 * is known beforehand: one may be loaded before the bundler comes upon the place that imports it lazily.
 */
function grouped(groups) {
  return {
    name: "grouped",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^merino:/ }, ({ path: specifier }) => ({ path: specifier, namespace: "group" }));
      onLoad({ filter: /^merino:/, namespace: "group" }, ({ path: specifier }) => ({
        contents: groups
          .find(({ name }) => specifier === `merino:${name}`)
          .modules.map((file) => `import ${JSON.stringify(file)};`)
          .join("\n"),
        resolveDir: ROOT,
      }));
      onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
        const own = groups.filter(({ doors }) => doors.includes(file));
        if (own.length === 0) return undefined;
        const statements = own.map(({ name }) => `import "merino:${name}";\n`);
        return { contents: `${await readFile(file, "utf8")}\n${statements.join("")}`, loader: "ts" };
      });
    },
  };
}
