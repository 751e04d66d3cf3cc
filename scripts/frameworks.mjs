/**
 * Tries Merino in projects as users have them: each in an empty folder, with the packed package and what npm installs
 * beside it, run to its end, and held to what it has to print. Ends with a table, and fails if one has failed.
 *
 * Usage: npm run frameworks -- [--write | --quick] [part of a name …]
 *
 * With `--write`, the table of `docs/frameworks.md` is replaced. With `--quick`, as pull requests are checked, only
 * those projects are tried that install quickly and tell most, as many as can be begun within four minutes; what cannot
 * be installed, since there is no registry or it does not answer, is left out. It says how many were not tried.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { PROJECTS } from "../test/frameworks/projects.mjs";
import { ROOT, runCommand, runOrThrow } from "./command.mjs";

const PAGE = path.join(ROOT, "docs/frameworks.md");
/** For one command of a project. */
const TIMEOUT_MS = 180_000;
/** What a failed command has printed, as far as it is shown. */
const SHOWN = 3_000;
/** With `--quick`, no project is begun after that. */
const QUICK_MS = 240_000;
/** Installing waits for the registry, running for the processor. More would only make each of them slow. */
const AT_ONCE = Math.min(availableParallelism(), 3);
/** What npm says where a registry is not reached, does not answer, or does not have what was asked for. */
const NOT_INSTALLED =
  /npm error code (?:E[45]\d\d|EAI_AGAIN|ECONN\w+|ENETUNREACH|ENOTFOUND|ETIMEDOUT|ETARGET)/;

const given = process.argv.slice(2);
const writes = given.includes("--write");
const isQuick = given.includes("--quick");
const parts = given.filter((argument) => !argument.startsWith("--")).map((part) => part.toLowerCase());
const chosen = PROJECTS.filter(
  ({ name, quick = false }) =>
    (quick || !isQuick) && (parts.length === 0 || parts.some((part) => name.toLowerCase().includes(part))),
);
if (chosen.length === 0) throw new RangeError(`No project is called '${parts.join("' or '")}'`);
if (writes && (parts.length > 0 || isQuick)) {
  throw new RangeError("The whole table is written, or nothing of it");
}

const silence = isQuick ? await registrySilence() : undefined;
if (silence !== undefined) {
  process.stdout.write(
    `frameworks: no registry answers (${silence}); not tried: all of ${chosen.length} projects, which cannot be installed\n`,
  );
  process.exit();
}

const fromMs = performance.now();
const folder = await mkdtemp(path.join(tmpdir(), "merino-frameworks-"));
/** In the order of the projects; those not begun are missing. */
const rows = [];
try {
  await runOrThrow("npm", ["pack", "--silent", "--pack-destination", folder], { capture: true });
  const { version } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"));
  const tarball = path.join(folder, `merino-${version}.tgz`);
  const numbers = chosen.keys();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const number of numbers) {
        if (isQuick && performance.now() - fromMs > QUICK_MS) return;
        rows[number] = await tryProject(chosen[number], { number, tarball });
        process.stdout.write(`${told(rows[number])}\n`);
      }
    }),
  );
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

const begun = rows.filter((row) => row !== undefined);
const tried = begun.filter(({ isInstalled }) => isInstalled);
const failed = tried.filter(({ failure }) => failure !== undefined);
process.stdout.write(
  `\n${table(tried)}\nframeworks: ${tried.length - failed.length} of ${tried.length} projects work, in ${secondsSince(fromMs)} s; not tried: ${[
    `${PROJECTS.length - chosen.length} that were not asked for`,
    `${begun.length - tried.length} that could not be installed`,
    `${chosen.length - begun.length} for which there was no time`,
  ].join(", ")}\n`,
);
if (failed.length > 0 || (!isQuick && tried.length < chosen.length)) process.exitCode = 1;
else if (writes) await writePage(tried);

/**
 * Asks for a package that projects use: once, since installing would ask again and again.
 *
 * @returns What npm says if there is no answer.
 */
async function registrySilence() {
  const ask = ["view", "tsx", "version", "--prefer-online", "--fetch-retries=0", "--fetch-timeout=20000"];
  const { code, output } = await runCommand("npm", ask, { capture: true });
  return code === 0 ? undefined : output.split("\n", 1)[0];
}

async function tryProject(project, { number, tarball }) {
  const { name, packages, files, commands, expected, note = "", env = {} } = project;
  const directory = path.join(folder, `project-${number}`);
  const startMs = performance.now();
  let output = "";
  let failure;
  let isInstalled = true;
  let installed = 0;
  try {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(directory, file)), { recursive: true });
      await writeFile(path.join(directory, file), text);
    }
    const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    await run(["npm", ...install, tarball, ...packages], { directory });
    installed = secondsSince(startMs);
    for (const command of commands) output = await run(command, { directory, env });
    if (!expected.test(output)) failure = `Expected ${expected}, and it printed:\n${output.slice(-SHOWN)}`;
  } catch (error) {
    failure = error.message;
    isInstalled = !NOT_INSTALLED.test(failure);
  }
  const versions = await Promise.all(packages.map((wanted) => versionOf(directory, wanted)));
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  return { name, note, versions, isInstalled, failure, installed, seconds: secondsSince(startMs) };
}

function told({ name, isInstalled, failure, installed, seconds }) {
  if (!isInstalled) return `${name}: could not be installed\n${failure}`;
  if (failure !== undefined) return `${name}: FAILED\n${failure}`;
  return `${name}: ok, ${seconds} s, of which ${installed} s to install`;
}

function secondsSince(startMs) {
  return Math.round((performance.now() - startMs) / 1_000);
}

/** Runs a command of a project, and returns what it has printed. Whatever it leaves behind is ended with it. */
function run([program, ...parameters], { directory, env = {} }) {
  const file = program === "node" ? process.execPath : program;
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const searchPath = [path.join(directory, "node_modules/.bin"), inherited.PATH].join(path.delimiter);
  const child = spawn(file, parameters, {
    cwd: directory,
    env: { ...inherited, ...env, PATH: searchPath, NO_COLOR: "1", CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a group of its own
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    const endGroup = () => {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // Nobody is left.
      }
    };
    const timer = setTimeout(endGroup, TIMEOUT_MS);
    child.on("error", reject);
    child.on("exit", endGroup);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(output);
      const end = signal === null ? `code ${code}` : signal;
      reject(new Error(`'${[program, ...parameters].join(" ")}' ended with ${end}\n${output.slice(-SHOWN)}`));
    });
  });
}

/** @param wanted As it was asked for, with a range behind the last `@`. */
async function versionOf(directory, wanted) {
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
