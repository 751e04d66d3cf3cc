/**
 * Writes `docs/errors.md` from the error catalogue and the comments of the classes in it, so that the page cannot
 * disagree with the code. With `--check` it writes nothing and fails if the page is out of date.
 *
 * Usage: node --import tsx scripts/generate-docs.mjs [--check]
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { ROOT } from "./command.mjs";

const PAGE = path.join(ROOT, "docs/errors.md");
const SOURCES = path.join(ROOT, "src/errors");

const sources = new Map();
for (const file of (await readdir(SOURCES)).filter((name) => name.endsWith(".ts")).sort()) {
  await import(pathToFileURL(path.join(SOURCES, file)).href);
  sources.set(file, await readFile(path.join(SOURCES, file), "utf8"));
}
const { errorCatalogue } = await import(pathToFileURL(path.join(SOURCES, "merino-error.ts")).href);
const entries = [...errorCatalogue().values()].map(({ traits }) => describeClass(traits));
entries.sort((one, other) => (one.code < other.code ? -1 : 1));

const page = formatPage(entries);
const current = await readFile(PAGE, "utf8").catch(() => "");
if (!process.argv.includes("--check")) await writeFile(PAGE, page);
else if (current !== page) {
  process.stderr.write("docs/errors.md is out of date; run 'npm run docs'\n");
  process.exitCode = 1;
}
process.stdout.write(`docs/errors.md: ${entries.length} errors\n`);

/** What the source says about one class: its comment and the comments of its fields. */
function describeClass({ name, code, fault }) {
  for (const source of sources.values()) {
    const start = new RegExp(`export (?:abstract )?class ${name}\\b`).exec(source)?.index;
    if (start === undefined) continue;
    const body = source.slice(start, /^\}/m.exec(source.slice(start)).index + start);
    const fields = [
      ...body.matchAll(
        /^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(?:declare )?readonly (\w+)(\??: [^;=]+)/gm,
      ),
    ];
    return {
      name,
      code,
      fault,
      text: readComment(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(source.slice(0, start))?.[1], name),
      fields: fields.map(([, comment, field, type]) => ({
        field,
        type: type.replace(/\s+/g, " ").replace(": ", ""),
        text: readComment(comment, `${name}.${field}`),
      })),
    };
  }
  throw new Error(`No file in src/errors declares '${name}'`);
}

/** The prose of a documentation comment: without stars, tags, examples and link braces. */
function readComment(comment, subject) {
  if (comment === undefined) throw new Error(`'${subject}' has no documentation comment`);
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  const tags = lines.findIndex((line) => line.startsWith("@"));
  return lines
    .slice(0, tags === -1 ? undefined : tags)
    .join("\n")
    .replace(/\{@link (\w+)\}/g, "`$1`")
    .trim();
}

function formatPage(entries) {
  const rows = entries.map(
    ({ name, code, fault }) => `| [\`${code}\`](#${code.toLowerCase()}) | ${name} | ${fault} |`,
  );
  const chapters = entries.map(({ name, code, fault, text, fields }) => {
    const list = fields.map(
      ({ field, type, text }) => `- \`${field}\` (\`${type}\`): ${text.replace(/\s*\n\s*/g, " ")}`,
    );
    return [
      `## ${code}`,
      `\`${name}\`, fault: ${fault}.`,
      text,
      ...(list.length > 0 ? [list.join("\n")] : []),
    ].join("\n\n");
  });
  return `${[
    "# Errors",
    "<!-- Generated from src/errors by `npm run docs`; edit the comments there. -->",
    "Match on `code`; messages are for people and may change. `fault` says whose it is: the `caller`'s, the `routine`'s, the `worker`'s, the `network`'s, the `configuration`'s, or a `bug` in Merino. An instance may name another fault than its class does.",
    ["| Code | Class | Fault |", "|---|---|---|", ...rows].join("\n"),
    ...chapters,
  ].join("\n\n")}\n`;
}
