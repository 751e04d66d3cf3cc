/**
 * Takes the lazy imports out of what is built, into a module of their own that does nothing else. tsx rewrites every
 * module that has one, with a source map for all of it, in each process anew: for the core that took a program and each
 * worker under tsx 0.3 s of processor time. See `docs/decisions/0006-bundled-build.md`.
 *
 * Places stay as they were, so that source maps stay true: what stands for an import is as long as that, and is
 * imported at the end of its module.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import ts from "@typescript/typescript6";

/** The module that has them. */
const MODULE = "lazy-imports.js";
/** What stands for `import`, as long as that is; what it imports comes behind it where it is a constant. */
const NAME = "lazily";

/**
 * Rewrites the modules that are directly in a folder, and some below.
 *
 * @param {string} folder Where there is none yet that has their lazy imports.
 * @param {readonly string[]} others Modules in folders below, from there.
 * @returns {Promise<number>} How many imports there were.
 * @throws Error if one of them cannot be taken out.
 */
export async function partLazyImports(folder, others) {
  /** What the functions of the new module do, by their names. */
  const bodies = new Map([[NAME, "(specifier) => import(specifier)"]]);
  let found = 0;
  for (const name of [...(await readdir(folder)), ...others]) {
    if (!name.endsWith(".js")) continue;
    const file = path.join(folder, name);
    const code = await readFile(file, "utf8");
    const places = lazyImports(code);
    if (places.length === 0) continue;
    if (code.includes(NAME)) throw new Error(`'${NAME}' has a meaning of its own in ${file}`);
    await writeFile(file, withoutImports(code, places, { bodies, directory: path.posix.dirname(name) }));
    found += places.length;
  }
  const functions = [...bodies].map(([name, body]) => `export const ${name} = ${body};\n`);
  await writeFile(path.join(folder, MODULE), functions.join(""));
  return found;
}

/** Where a module imports lazily: what is there, and what it imports if that is a constant. */
function lazyImports(code) {
  const places = [];
  const visit = (node) => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      const constant = ts.isStringLiteral(argument) ? argument.text : undefined;
      places.push({ start: node.expression.getStart(), end: node.end, constant });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("module.js", code, ts.ScriptTarget.Latest, true));
  return places;
}

/** @param {string} parts.directory That the module is in, from that of the new module. */
function withoutImports(code, places, { bodies, directory }) {
  const used = new Set();
  let text = "";
  let end = 0;
  for (const place of places) {
    text += code.slice(end, place.start);
    const constant = place.constant?.startsWith(".")
      ? `./${path.posix.join(directory, place.constant)}`
      : place.constant;
    const name = constant === undefined ? NAME : nameOf(constant);
    used.add(name);
    if (constant === undefined) {
      text += name;
      end = place.start + "import".length;
    } else {
      bodies.set(name, `() => import(${JSON.stringify(constant)})`);
      text += `${name}()`.padEnd(place.end - place.start);
      end = place.end;
    }
    if (text.length !== end) throw new Error(`'${name}' is longer than the import of '${constant}'`);
  }
  text += code.slice(end);
  const from = directory === "." ? `./${MODULE}` : path.posix.relative(directory, MODULE);
  const statement = `import { ${[...used].join(", ")} } from "${from}";\n`;
  const comment = text.lastIndexOf("//# sourceMappingURL=");
  return text.slice(0, comment) + statement + text.slice(comment);
}

/** The name of the function that imports a constant: `lazily_2JH7EPLA` for `./shared-2JH7EPLA.js`. */
function nameOf(specifier) {
  const words = specifier.replace(/^\.\/(?:shared-)?|^node:|\.js$/g, "").replaceAll(/\W/g, "_");
  return `${NAME}_${words}`;
}
