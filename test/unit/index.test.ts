/** The public door keeps its chapters, which the formatter sorts within and, as long as they stand apart, not across. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);

/** Headings of `src/index.ts` with the modules exported under each, in order. */
async function readChapters(): Promise<ReadonlyMap<string, readonly string[]>> {
  const source = await readFile(new URL("src/index.ts", ROOT), "utf8");
  const [, ...parts] = source.split(/^\/\/ (.+)$/m);
  const chapters = new Map<string, readonly string[]>();
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [heading = "", body = ""] = parts.slice(at, at + 2);
    // A heading without a blank line after it would move with the line below.
    assert.ok(body.startsWith("\n\n"), `no blank line after '${heading}'`);
    chapters.set(
      heading,
      Array.from(body.matchAll(/ from "(.+)";$/gm), ([, module = ""]) => module),
    );
  }
  return chapters;
}

test("src/index.ts has chapters by what users do, in that order, and a heading over every export", async () => {
  const source = await readFile(new URL("src/index.ts", ROOT), "utf8");
  const chapters = await readChapters();

  assert.deepEqual(
    Array.from(chapters.keys(), (heading) => heading.split(/[ ,:]/)[0]),
    [
      "Routines",
      "Context",
      "Pools",
      "Workers",
      "State",
      "Credentials",
      "Where",
      "How",
      "Values",
      "Telemetry",
      "Errors",
      "Of",
    ],
  );
  for (const [heading, modules] of chapters) assert.notDeepEqual(modules, [], heading);
  assert.equal([...chapters.values()].flat().length, source.match(/^export /gm)?.length);
});

test("src/index.ts exports errors under their heading and nowhere else", async () => {
  for (const [heading, modules] of await readChapters()) {
    const errors = modules.filter((module) => module.startsWith("./errors/"));
    assert.equal(errors.length, heading.startsWith("Errors") ? modules.length : 0, heading);
  }
});

test("src/index.ts names documents that there are", async () => {
  const documents = [...(await readChapters()).keys()].flatMap(
    (heading) => heading.match(/docs\/\S+\.md/g) ?? [],
  );

  assert.ok(documents.length >= 7);
  for (const document of documents) await readFile(new URL(document, ROOT));
});
