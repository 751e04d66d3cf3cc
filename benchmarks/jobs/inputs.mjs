/** What the jobs are given, made here so that no file is needed. Each makes the argument of one call, by its number. */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const WORDS = "red green blue large small round square old new fast".split(" ");

/** Of a package that the jobs use anyway. */
function source(file, bytes) {
  const text = readFileSync(require.resolve(file), "utf8").slice(0, bytes);
  return text.slice(0, text.lastIndexOf("\n}\n") + 3); // whole functions
}

export const INPUTS = {
  /** 1600 × 1200, about 200 KB. */
  async thumbnail() {
    const { default: sharp } = await import("sharp");
    const pixels = Buffer.alloc(1600 * 1200 * 3);
    for (let at = 0; at < pixels.length; at++) pixels[at] = (at >> 7) ^ (at >> 11) ^ ((at % 1600) >> 2);
    const raw = { width: 1600, height: 1200, channels: 3 };
    const picture = await sharp(pixels, { raw }).jpeg({ quality: 85 }).toBuffer();
    return (call) => ({ picture, width: 200 + (call % 4) * 40 });
  },
  /** 200 items of a few words. */
  page() {
    const rows = Array.from({ length: 200 }, (_, id) => ({
      id,
      name: `Item ${id}`,
      price: id * 1.25,
      tags: [WORDS[id % 10], WORDS[(id * 7) % 10] + id],
    }));
    return (call) => ({ title: `Page ${call}`, rows });
  },
  /** 256 KiB of a log. */
  aggregate() {
    let text = "";
    for (let id = 0; text.length < 256 * 1024; id++) {
      text += `${JSON.stringify({ id, user: `user-${id % 97}`, path: `/p/${id}`, bytes: (id * 31) % 4096, ok: id % 7 > 0 })}\n`;
    }
    const lines = Buffer.from(text);
    return () => ({ lines });
  },
  colour() {
    const text = source("highlight.js/lib/core", 40_000);
    return () => ({ source: text, language: "javascript" });
  },
  transpile() {
    const text = source("highlight.js/lib/core", 20_000);
    return () => ({ source: text });
  },
};
