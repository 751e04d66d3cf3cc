/**
 * Checks that the sources stay small enough to be read: no file of more than 400 lines, and no folder with more than a
 * dozen files of its own but those which ARCHITECTURE.md lists, each with how many it may have and why. A folder that no
 * longer needs its line there has to leave it. Generated files do not count.
 */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { ROOT } from "../command.mjs";

const MAX_LINES = 400;
const MAX_FILES = 12;
const GENERATED = "src/wire/gen/";

const problems = [];
/** By folder, how many files of its own it has. */
const folders = new Map();
let files = 0;
for (const name of await readdir(path.join(ROOT, "src"), { recursive: true })) {
  const file = path.posix.join("src", name);
  if (!file.endsWith(".ts") || file.startsWith(GENERATED)) continue;
  files += 1;
  const lines = (await readFile(path.join(ROOT, file), "utf8")).split("\n").length - 1;
  if (lines > MAX_LINES)
    problems.push(`${file} has ${lines} lines, and may have ${MAX_LINES}: find what else is in it`);
  const folder = path.posix.dirname(file);
  folders.set(folder, (folders.get(folder) ?? 0) + 1);
}
const listed = await readListed();
for (const [folder, count] of [...folders].sort()) {
  const most = listed.get(folder) ?? MAX_FILES;
  if (count > most) {
    problems.push(
      `${folder} has ${count} files of its own, and may have ${most}: divide it, or say in ARCHITECTURE.md why it has more`,
    );
  }
}
for (const folder of listed.keys()) {
  const count = folders.get(folder) ?? 0;
  if (count <= MAX_FILES)
    problems.push(`${folder} has ${count} files of its own: its line in ARCHITECTURE.md can go`);
}
for (const problem of problems) process.stderr.write(`sizes: ${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
process.stdout.write(`${listed.size === 0 ? 0 : files} files in ${folders.size} folders\n`);

/** @returns {Promise<ReadonlyMap<string, number>>} By folder that may have more than a dozen: how many it may have. */
async function readListed() {
  const text = await readFile(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const [, rows = ""] = /^\| Folder \| Files \| Why \|\n\|[-|]+\n((?:\|.*\n)+)/m.exec(text) ?? [];
  return new Map(
    [...rows.matchAll(/^\| `([^`]+)\/` \| (\d+) \| \S/gm)].map(([, folder, most]) => [
      `src/${folder}`,
      Number(most),
    ]),
  );
}
