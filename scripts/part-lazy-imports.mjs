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
 * Rewrites the modules that are directly in a folder.
 *
 * @param {string} folder Where there is none yet that has their lazy imports.
 * @returns {Promise<number>} How many imports there were.
 * @throws Error if one of them cannot be taken out.
 */
export async function partLazyImports(folder) {
  /** What the functions of the new module do, by their names. */
  const bodies = new Map([[NAME, "(specifier) => import(specifier)"]]);
  let found = 0;
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".js")) continue;
    const file = path.join(folder, name);
    const code = await readFile(file, "utf8");
    const places = lazyImports(code);
    if (places.length === 0) continue;
    if (code.includes(NAME)) throw new Error(`'${NAME}' has a meaning of its own in ${file}`);
    await writeFile(file, withoutImports(code, places, bodies));
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

function withoutImports(code, places, bodies) {
  const used = new Set();
  let text = "";
  let end = 0;
  for (const place of places) {
    text += code.slice(end, place.start);
    const name = place.constant === undefined ? NAME : nameOf(place.constant);
    used.add(name);
    if (place.constant === undefined) {
      text += name;
      end = place.start + "import".length;
    } else {
      bodies.set(name, `() => import(${JSON.stringify(place.constant)})`);
      text += `${name}()`.padEnd(place.end - place.start);
      end = place.end;
    }
    if (text.length !== end) throw new Error(`'${name}' is longer than the import of '${place.constant}'`);
  }
  text += code.slice(end);
  const statement = `import { ${[...used].join(", ")} } from "./${MODULE}";\n`;
  const comment = text.lastIndexOf("//# sourceMappingURL=");
  return text.slice(0, comment) + statement + text.slice(comment);
}

/** The name of the function that imports a constant: `lazily_2JH7EPLA` for `./shared-2JH7EPLA.js`. */
function nameOf(specifier) {
  const words = specifier.replace(/^\.\/(?:shared-)?|^node:|\.js$/g, "").replaceAll(/\W/g, "_");
  return `${NAME}_${words}`;
}
