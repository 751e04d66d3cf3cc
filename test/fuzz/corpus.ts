/** Inputs that were findings once: `corpus/‹target›/‹what it was›.hex`, tried before all others. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "corpus");

/** An input with its name. */
export interface Finding {
  readonly name: string;
  readonly input: Uint8Array;
}

/** The folder of a target: its name with hyphens for spaces and slashes. */
export function corpusOf(target: string): readonly Finding[] {
  const folder = join(FOLDER, target.toLowerCase().replaceAll(/[ /]/g, "-"));
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".hex"))
    .map((name) => ({
      name,
      input: Buffer.from(readFileSync(join(folder, name), "utf8").replace(/\s+/g, ""), "hex"),
    }));
}
