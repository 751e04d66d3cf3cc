/**
 * Inputs that were findings once: `corpus/‹target›/‹what it was›.hex`, tried before all others. `81a161*364` are the same
 * bytes so many times, and a line may be repeated in the same way: `(81a161*364 c0)*60`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "corpus");

/** An input with its name. */
export interface Finding {
  readonly name: string;
  readonly input: Uint8Array;
}

function repeat(_whole: string, hex: string, times: string): string {
  return hex.repeat(Number(times));
}

function bytesOf(text: string): Buffer {
  const groups = text.replaceAll(/([\da-f]+)\*(\d+)/g, repeat).replaceAll(/[ \t]/g, "");
  return Buffer.from(groups.replaceAll(/\(([\da-f]+)\)\*(\d+)/g, repeat).replaceAll(/\s/g, ""), "hex");
}

/** The folder of a target: its name with hyphens for spaces and slashes. */
export function corpusOf(target: string): readonly Finding[] {
  const folder = join(FOLDER, target.toLowerCase().replaceAll(/[ /]/g, "-"));
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".hex"))
    .map((name) => ({
      name,
      input: bytesOf(readFileSync(join(folder, name), "utf8")),
    }));
}
