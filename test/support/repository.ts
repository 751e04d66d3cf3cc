/**
 * The repository as tests about it see it: where it is, which files it is made of, and the code in its documents.
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Absolute path of the repository. */
export const ROOT: string = path.resolve(fileURLToPath(import.meta.url), "../../..");

const DERIVED = new Set([".git", "node_modules", "dist", "coverage"]);

/** Lists the files of the repository, without what is installed or built, as sorted paths from its root. */
export async function listFiles(folder = ""): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(path.join(ROOT, folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory() && !DERIVED.has(entry.name)) files.push(...(await listFiles(name)));
    else if (entry.isFile() && !entry.name.endsWith(".tgz")) files.push(name);
  }
  return files.sort();
}

/** Reads the layers of `src/` from the configuration of their check: names of folders, line by line from the highest. */
export async function readLayers(): Promise<readonly (readonly string[])[]> {
  const configuration: unknown = await import(pathToFileURL(path.join(ROOT, ".dependency-cruiser.mjs")).href);
  return (configuration as { LAYERS: readonly (readonly string[])[] }).LAYERS;
}

/** One fenced block of TypeScript in a document. */
export interface CodeBlock {
  /** The file its first line names in a comment (`// jobs.ts`), else `block-<n>.ts`. */
  readonly file: string;
  readonly source: string;
}

/**
 * Reads the blocks of a document that are fenced as `ts`, in order; those fenced as `ts fragment` are left out.
 *
 * @throws Error if two blocks name the same file, for then neither could be told from the other.
 */
export function readCodeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  for (const [, indentation = "", body = ""] of markdown.matchAll(/^( *)```ts *\n([\s\S]*?)^\1```/gm)) {
    const source = body.replaceAll(new RegExp(`^${indentation}`, "gm"), "");
    const file =
      /^\/\/ (?:file: )?([\w./-]+\.[cm]?ts)\b/.exec(source)?.[1] ?? `block-${blocks.length + 1}.ts`;
    if (blocks.some((block) => block.file === file)) throw new Error(`Two blocks are called '${file}'`);
    // A block without an import or export would be a script, and its names global.
    blocks.push({ file, source: `${source}\nexport {};\n` });
  }
  return blocks;
}
