/** `docs/reliability.md` claims nothing without proof: each row of its tables names tests, and they exist. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import test from "node:test";
import { listFiles, ROOT } from "../support/repository.ts";

const DOCUMENT = "docs/reliability.md";
/** Where tests are that exist for this document's sake. */
const FAULTS = "test/integration/faults/";
const COLUMNS = 5;

const rows = readRows(await readFile(path.join(ROOT, DOCUMENT), "utf8"));

test("every row of docs/reliability.md names tests that exist", async (context) => {
  const unproved: string[] = [];
  for (const { fault, cells, proofs } of rows) {
    assert.equal(cells, COLUMNS, `the row '${fault}' has ${cells} cells`);
    if (proofs.length === 0) unproved.push(`${fault}: no test`);
    for (const { name, file } of proofs) {
      const names = await readTestNames(file);
      if (!names.some((known) => known.includes(name))) unproved.push(`${fault}: no '${name}' in ${file}`);
    }
  }

  context.diagnostic(`looked at ${rows.length} rows`);
  assert.deepEqual(unproved, []);
});

test("every test of a fault is in docs/reliability.md", async (context) => {
  const named = new Set(rows.flatMap(({ proofs }) => proofs.map(({ file }) => file)));
  const files = (await listFiles(FAULTS)).filter((file) => file.endsWith(".test.ts"));

  context.diagnostic(`looked at ${named.size} files`);
  assert.deepEqual(
    files.filter((file) => !named.has(file)),
    [],
  );
});

interface Row {
  readonly fault: string;
  readonly cells: number;
  /** The tests in the last cell, as links: the text is in the name of a test, the target is its file. */
  readonly proofs: readonly { readonly name: string; readonly file: string }[];
}

/** Reads the rows of all tables, without their headings. */
function readRows(markdown: string): Row[] {
  const lines = markdown.split("\n");
  return lines.flatMap((line, index) => {
    const isRow = line.startsWith("| ") && !lines[index + 1]?.startsWith("|---");
    if (!isRow) return [];
    const cells = line.split("|").slice(1, -1);
    const links = [...(cells.at(-1) ?? "").matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)];
    const proofs = links.map(([, name = "", target = ""]) => ({
      name,
      file: path.posix.join(path.posix.dirname(DOCUMENT), target),
    }));
    return [{ fault: cells[0]?.trim() ?? "", cells: cells.length, proofs }];
  });
}

/** The names of a file's tests as they are written; none if there is no such file. */
async function readTestNames(file: string): Promise<string[]> {
  const source = await readFile(path.join(ROOT, file), "utf8").catch(() => "");
  return [...source.matchAll(/^\s*(?:await t\.)?(?:test|describe)\(\s*(["`])(.*?)\1,/gm)].map(
    ([, , name = ""]) => name,
  );
}
