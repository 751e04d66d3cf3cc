/**
 * Tries Merino in projects as users have them: each in an empty folder, with the packed package and what npm installs
 * beside it, run to its end, and held to what it has to print. Ends with a table, and fails if one has failed.
 *
 * Usage: npm run frameworks -- [--write] [part of a name …]
 *
 * With `--write`, the table of `docs/frameworks.md` is replaced.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { PROJECTS } from "../test/frameworks/projects.mjs";
import { ROOT, runOrThrow } from "./command.mjs";

const PAGE = path.join(ROOT, "docs/frameworks.md");
const TIMEOUT_MS = 120_000;
/** What a failed command has printed, as far as it is shown. */
const SHOWN = 3_000;

const given = process.argv.slice(2);
const writes = given.includes("--write");
const parts = given.filter((argument) => argument !== "--write").map((part) => part.toLowerCase());
const chosen = PROJECTS.filter(
  ({ name }) => parts.length === 0 || parts.some((part) => name.toLowerCase().includes(part)),
);
if (chosen.length === 0) throw new RangeError(`No project is called '${parts.join("' or '")}'`);
if (writes && parts.length > 0) throw new RangeError("The whole table is written, or nothing of it");

const folder = await mkdtemp(path.join(tmpdir(), "merino-frameworks-"));
const rows = [];
try {
  await runOrThrow("npm", ["pack", "--silent", "--pack-destination", folder]);
  const { version } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"));
  const tarball = path.join(folder, `merino-${version}.tgz`);
  for (const project of chosen) {
    process.stdout.write(`${project.name}: `);
    const row = await tryProject(project, tarball);
    rows.push(row);
    process.stdout.write(row.failure === undefined ? `ok, ${row.seconds} s\n` : `FAILED\n${row.failure}\n`);
  }
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

const failed = rows.filter(({ failure }) => failure !== undefined);
process.stdout.write(
  `\n${table(rows)}\nframeworks: ${rows.length - failed.length} of ${rows.length} projects work\n`,
);
if (failed.length > 0) process.exitCode = 1;
else if (writes) await writePage(rows);

async function tryProject({ name, packages, files, commands, expected, note = "", env = {} }, tarball) {
  const directory = path.join(folder, `project-${rows.length}`);
  const fromMs = performance.now();
  let output = "";
  let failure;
  try {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(directory, file)), { recursive: true });
      await writeFile(path.join(directory, file), text);
    }
    await run(["npm", "install", "--no-audit", "--no-fund", "--silent", tarball, ...packages], { directory });
    for (const command of commands) output = await run(command, { directory, env });
    if (!expected.test(output)) failure = `Expected ${expected}, and it printed:\n${output.slice(-SHOWN)}`;
  } catch (error) {
    failure = error.message;
  }
  const versions = await Promise.all(packages.map((wanted) => installed(directory, wanted)));
  return { name, note, versions, failure, seconds: Math.round((performance.now() - fromMs) / 1_000) };
}

/** Runs a command of a project, and returns what it has printed. */
function run([program, ...parameters], { directory, env = {} }) {
  const file = program === "node" ? process.execPath : program;
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const searchPath = [path.join(directory, "node_modules/.bin"), inherited.PATH].join(path.delimiter);
  const child = spawn(file, parameters, {
    cwd: directory,
    env: { ...inherited, ...env, PATH: searchPath, NO_COLOR: "1", CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const end = signal === null ? `code ${code}` : signal;
      reject(new Error(`'${[program, ...parameters].join(" ")}' ended with ${end}\n${output.slice(-SHOWN)}`));
    });
  });
}

/** @param wanted As it was asked for, with a range behind the last `@`. */
async function installed(directory, wanted) {
  const name = wanted.slice(0, wanted.lastIndexOf("@"));
  try {
    const text = await readFile(path.join(directory, "node_modules", name, "package.json"), "utf8");
    return `${name} ${JSON.parse(text).version}`;
  } catch {
    return `${name} (not installed)`;
  }
}

function table(entries) {
  const lines = entries.map(({ name, note, versions, failure }) => {
    const result = failure === undefined ? note || "as it is" : "**does not work**";
    return `| ${name} | ${versions.join(", ")} | ${result} |`;
  });
  return ["| | With | |", "|---|---|---|", ...lines].join("\n");
}

async function writePage(entries) {
  const text = await readFile(PAGE, "utf8");
  const [begin, end] = ["<!-- table -->", "<!-- end of the table -->"];
  const [before, , after] = text.split(new RegExp(`${begin}|${end}`));
  const when = `Node.js ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}.`;
  await writeFile(PAGE, `${before}${begin}\n\n${when}\n\n${table(entries)}\n\n${end}${after}`);
}
