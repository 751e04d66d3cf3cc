/**
 * Tells the library's lines in the text of a stack from those of the program: by the directory of the package, whose
 * `src` the lines name where Node follows source maps. In a program's bundle that has taken the library in, the two
 * cannot be told apart, and no line counts as the library's.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ownUrl } from "./package-files.ts";

/** Beginnings of the library's files, as URLs and as paths; found when they are first asked for. */
let places: readonly string[] | undefined;

/** Whether a line of a stack is in the library's code. */
export function isOwnLine(line: string): boolean {
  places ??= findPlaces();
  return places.some((place) => line.includes(place));
}

function findPlaces(): readonly string[] {
  try {
    // From `src/internal/` as from `dist/`, where the parts that programs load lie side by side.
    const root = new URL(ownUrl.endsWith(".ts") ? "../../" : "../", ownUrl);
    const { name } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { name?: unknown };
    if (name !== "merino") return [];
    return ["dist/", "src/"].flatMap((folder) => {
      const { href } = new URL(folder, root);
      return [href, fileURLToPath(href)];
    });
  } catch {
    return [];
  }
}
