/**
 * Finds private (`#`) state that instances of a class have. No field shows it and no prototype gives it, so
 * that an instance which is made anew without the constructor breaks at its first use. All there is to go by
 * is the source text of the class. Runs once per class, when it is registered.
 */
import { Script } from "node:vm";

const PRIVATE_NAME = /#[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/gu;
/** Compilers for older targets turn private fields and methods into entries of weak collections. */
const LOWERED = /\b(?:__privateAdd|_classPrivate(?:Field|Method)InitSpec)\(\s*this\b/;

/**
 * The name of a private field, method or accessor of the instances of a class.
 *
 * @returns `undefined` if there is none, or if the text does not show it.
 */
export function privateStateOf(constructor: object & { readonly name: string }): string | undefined {
  const source = Function.prototype.toString.call(constructor);
  if (!source.startsWith("class")) return undefined;
  for (const name of new Set(source.match(PRIVATE_NAME))) {
    if (declares(source, name) && !isStatic(source, name)) return name;
  }
  const lowered = LOWERED.test(source) || isLoweredByTypeScript(source, constructor.name);
  return lowered ? "private members, which a compiler has moved out of the class" : undefined;
}

/** Whether it is the class itself that declares the name: only then may it be used at the end of its body. */
function declares(source: string, name: string): boolean {
  try {
    // Compiled, and never run.
    new Script(`(${source.slice(0, -1)}\nstatic { ${name} in this; }\n})`);
    return true;
  } catch {
    return false; // in a string or a comment, or of a class inside or around it
  }
}

function isStatic(source: string, name: string): boolean {
  const gap = String.raw`(?:\s|\/\*[\s\S]*?\*\/|\/\/.*\n)`;
  const modifiers = String.raw`(?:(?:async|get|set|accessor)${gap}+)*(?:\*${gap}*)?`;
  const end = String.raw`(?![\p{ID_Continue}$\u200c\u200d])`;
  return new RegExp(`\\bstatic${gap}+${modifiers}${name.replaceAll("$", "\\$")}${end}`, "u").test(source);
}

function isLoweredByTypeScript(source: string, className: string): boolean {
  if (!/^\w+$/.test(className)) return false;
  return new RegExp(`\\b_${className}_\\w+\\.(?:set|add)\\(this\\b`).test(source);
}
