/**
 * Runs every check that is not a test: format and lint, types, unused code, wire compatibility, generated
 * documents, and the package as it would be published. All of them run even if one fails; each has to show that
 * it looked at something, because a checker that saw nothing is content with everything.
 *
 * Usage: npm run check -- [name …]
 */
import path from "node:path";
import process from "node:process";
import { ROOT, runCommand } from "./command.mjs";

// Biome colours its report even for a pipe.
const COLORS = `--colors=${process.stdout.isTTY ? "force" : "off"}`;

/**
 * In the order they run, the quickest first. `seen` extracts how much a check looked at, where its own failure to
 * find anything would pass for success.
 *
 * @type {Record<string, { command: readonly string[], seen?: RegExp | (() => Promise<number>) }>}
 */
const CHECKS = {
  lint: { command: ["biome", "ci", "--error-on-warnings", COLORS, "."], seen: /Checked (\d+) files/ },
  docs: {
    command: ["node", "--import", "tsx", "scripts/generate-docs.mjs", "--check"],
    seen: /(\d+) errors\n[\s\S]*[1-9]\d* commands/,
  },
  wire: { command: ["node", "scripts/proto-breaking.mjs"] },
  // Benchmarks and examples import the package by its name, so types need it built.
  build: { command: ["node", "scripts/build.mjs"] },
  types: { command: ["tsc", "-p", "tsconfig.json"], seen: countTypedFiles },
  // Writes no report when all is well; that it sees anything is a test in `test/unit/repository`.
  unused: { command: ["knip", "--no-progress"] },
  package: { command: ["node", "scripts/check-package.mjs"], seen: /(\d+) files/ },
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name in CHECKS))
    throw new RangeError(`No check is called '${name}'; there are ${Object.keys(CHECKS).join(", ")}`);
}

const failed = [];
for (const [name, { command, seen }] of Object.entries(CHECKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const started = performance.now();
  const [program, ...parameters] = command;
  const { code, output } = await runCommand(program, parameters, { capture: true });
  const count = seen instanceof RegExp ? Number(seen.exec(output)?.[1] ?? 0) : await seen?.();
  const blind = code === 0 && count === 0;
  const passed = code === 0 && !blind;
  if (!passed) failed.push(name);
  if (!passed) process.stdout.write(`${output.trimEnd()}\n`);
  if (blind) process.stdout.write(`'${command.join(" ")}' looked at nothing\n`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${passed ? "ok  " : "FAIL"} ${name.padEnd(8)} ${seconds.padStart(5)} s\n`);
}
if (failed.length > 0) {
  process.stderr.write(`check: ${failed.join(", ")} failed\n`);
  process.exitCode = 1;
}

/** Files of the project itself that the compiler reads, in `src/` and `test/` alike. */
async function countTypedFiles() {
  const { output } = await runCommand("tsc", ["-p", "tsconfig.json", "--listFilesOnly"], {
    capture: true,
  });
  const files = output.split("\n").map((file) => path.relative(ROOT, file));
  const parts = ["src", "test"].map(
    (part) => files.filter((file) => file.startsWith(part + path.sep)).length,
  );
  return Math.min(...parts);
}
