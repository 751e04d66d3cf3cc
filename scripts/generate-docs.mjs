/**
 * Writes the pages that the code itself knows best, so that they cannot disagree with it: `docs/errors.md` from
 * the error catalogue and the comments of the classes in it, `docs/cli.md` from the help of the command,
 * `docs/trace.svg` from the trace that `test/integration/telemetry/picture.test.ts` has recorded. With `--check` it writes nothing and fails if a page is out of date.
 *
 * Usage: node --import tsx scripts/generate-docs.mjs [--check]
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { ROOT } from "./command.mjs";
import { drawTrace } from "./draw-trace.mjs";

const SOURCES = path.join(ROOT, "src/errors");

const sources = new Map();
for (const file of (await readdir(SOURCES)).filter((name) => name.endsWith(".ts")).sort()) {
  await import(pathToFileURL(path.join(SOURCES, file)).href);
  sources.set(file, await readFile(path.join(SOURCES, file), "utf8"));
}
const { errorCatalogue } = await import(pathToFileURL(path.join(SOURCES, "merino-error.ts")).href);
const entries = [...errorCatalogue().values()].map(({ traits }) => describeClass(traits));
entries.sort((one, other) => (one.code < other.code ? -1 : 1));

await publish("docs/errors.md", formatPage(entries));
process.stdout.write(`docs/errors.md: ${entries.length} errors\n`);

const { createProgram } = await import(pathToFileURL(path.join(ROOT, "src/cli/program.ts")).href);
const commands = helpOfCommands(createProgram);
await publish("docs/cli.md", formatHelp(commands));
process.stdout.write(`docs/cli.md: ${commands.length} commands\n`);

const recording = JSON.parse(await readFile(path.join(ROOT, "docs/trace.otlp.json"), "utf8"));
const picture = drawTrace(recording);
await publish("docs/trace.svg", picture);
process.stdout.write(`docs/trace.svg: ${picture.match(/<rect /g).length} shapes\n`);

/** Writes a page, or with `--check` compares it. */
async function publish(name, page) {
  const file = path.join(ROOT, name);
  const current = await readFile(file, "utf8").catch(() => "");
  if (!process.argv.includes("--check")) await writeFile(file, page);
  else if (current !== page) {
    process.stderr.write(`${name} is out of date; run 'npm run docs'\n`);
    process.exitCode = 1;
  }
}

/** Name, summary and help of the command and of each of its subcommands, as `--help` prints them. */
function helpOfCommands(createProgram) {
  let printed = "";
  const program = createProgram({ out: (text) => (printed += text), err: (text) => (printed += text) });
  const help = (command, name) => {
    printed = "";
    command.outputHelp();
    const own = { name, help: printed.trim() };
    return [own, ...command.commands.flatMap((below) => help(below, `${name} ${below.name()}`))];
  };
  return help(program, "merino");
}

function formatHelp(commands) {
  return `${[
    "# The merino command",
    "<!-- Generated from src/cli by `npm run docs`; edit the help texts there. -->",
    "It runs workers that belong to no single program, and looks after them. How such workers fit with pools is in [workers](workers.md#network-workers). In a project that has the package installed, `npx merino` runs it.",
    ...commands.flatMap(({ name, help }) => [`## ${name}`, `\`\`\`text\n${help}\n\`\`\``]),
  ].join("\n\n")}\n`;
}

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
