/**
 * Compiles single TypeScript files to modules for the Node that runs, and keeps the results by content: what has
 * been compiled once is read from then on, by every process.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { threadId } from "node:worker_threads";

const CACHE = path.resolve(fileURLToPath(import.meta.url), "../../../node_modules/.cache/merino-typescript");
const require = createRequire(import.meta.url);
const COMPILER = require("esbuild/package.json").version;
const TARGET = `node${process.versions.node.split(".", 2).join(".")}`;

mkdirSync(CACHE, { recursive: true });

/** The compiled form of a file. */
export function compile(file) {
  const { place, source } = look(file);
  return readIfPresent(place) ?? keep(place, loadEsbuild().transformSync(source, optionsFor(file)).code);
}

/** Compiles the files that have not been; one compiler for all takes a fraction of the time of one for each. */
export async function compileAll(files) {
  const missing = files
    .map((file) => ({ file, ...look(file) }))
    .filter(({ place }) => readIfPresent(place) === undefined);
  if (missing.length === 0) return;
  const { transform } = loadEsbuild();
  await Promise.all(
    missing.map(async ({ file, source, place }) =>
      keep(place, (await transform(source, optionsFor(file))).code),
    ),
  );
}

/** A file's source, and where its compiled form is kept: by all that decides about it. */
function look(file) {
  const source = readFileSync(file);
  const key = createHash("sha1")
    .update(COMPILER + JSON.stringify(optionsFor(file)))
    .update(source)
    .digest("hex");
  return { source, place: path.join(CACHE, `${key}.mjs`) };
}

function optionsFor(file) {
  return {
    loader: "ts",
    format: "esm",
    target: TARGET,
    sourcefile: file,
    sourcemap: "inline",
    sourcesContent: false,
    keepNames: true,
  };
}

function readIfPresent(place) {
  try {
    return readFileSync(place, "utf8");
  } catch {
    return undefined;
  }
}

/** Puts it there whole: others may read at any time. */
function keep(place, code) {
  const temporary = `${place}.${process.pid}-${threadId}`;
  writeFileSync(temporary, code);
  renameSync(temporary, place);
  return code;
}

/** Only where something is to be compiled; loading it takes longer than reading what has been. */
function loadEsbuild() {
  return require("esbuild");
}
