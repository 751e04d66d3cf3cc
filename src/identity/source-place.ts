/** Where a place in a script is in the source that it was made of, as stacks have it where Node follows source maps. */
import { findSourceMap } from "node:module";

/**
 * @param script The script as V8 names it.
 * @param place `line:column` in it, both counted from 1.
 * @returns `file:line:column` in the source; in the script itself where Node knows no source of it.
 */
export function sourcePlace(script: string, place: string): string {
  const [line = 0, column = 0] = place.split(":").map(Number);
  const entry = findSourceMap(script)?.findEntry(line - 1, column - 1);
  if (entry === undefined || !("originalLine" in entry)) return `${script}:${place}`;
  return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}

/**
 * @param path Places in a script, with a space between, as a declaration has them.
 * @returns The same places in the source, each with the name of its file.
 */
export function sourcePath(script: string, path: string): string {
  const places = path.split(" ").map((place) => sourcePlace(script, place));
  return places.map((place) => place.slice(place.lastIndexOf("/") + 1)).join(" ");
}
