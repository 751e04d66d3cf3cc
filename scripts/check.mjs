/**
 * Runs every check that is not a test: format and lint, layers, sizes, types, unused code, documentation comments, wire
 * compatibility, documents, examples, and the package as it would be published. All of them run even if one fails;
 * each has to show that it looked at something, because a checker that saw nothing is content with everything.
 *
 * Usage: npm run check -- [name …]
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { ROOT, runCommand, TSC } from "./command.mjs";

/**
 * In the order they run. `seen` extracts from a command's output how much it looked at, where its own failure to
 * find anything would pass for success.
 *
 * @type {Record<string, { commands: readonly (readonly string[])[], seen?: (output: string) => number | Promise<number> }>}
 */
const CHECKS = {
  lint: {
    commands: [
      ["biome", "ci", "--error-on-warnings", `--colors=${process.stdout.isTTY ? "force" : "off"}`, "."],
    ],
    seen: numberIn(/Checked (\d+) files/),
  },
  layers: {
    commands: [
      [
        "node",
        ...["--import", "./scripts/checks/use-typescript-6.mjs"],
        "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
        ...["src", "test", "benchmarks", "examples", "scripts"],
      ],
    ],
    seen: cruisedImports,
  },
  sizes: { commands: [["node", "scripts/checks/sizes.mjs"]], seen: numberIn(/(\d+) files/) },
  docs: {
    commands: [["node", "--import", "tsx", "scripts/generate-docs.mjs", "--check"]],
    seen: numberIn(/(\d+) errors\n[\s\S]*[1-9]\d* commands/),
  },
  wire: {
    commands: [
      ["node", "scripts/proto-breaking.mjs"],
      ["node", "scripts/generate-descriptors.mjs", "--check"],
    ],
    seen: numberIn(/checked (\d+) fields/),
  },
  // Benchmarks and examples import the package by its name, so types need it built.
  build: { commands: [["node", "scripts/build.mjs"]] },
  types: { commands: [["node", TSC, "-p", "tsconfig.json"]], seen: typedFiles },
  // The second time without tests, benchmarks and examples: what only they use is unused.
  unused: {
    commands: [
      ["knip", "--no-progress"],
      ["knip", "--no-progress", "--no-config-hints", "--production"],
    ],
  },
  documented: {
    commands: [["node", "scripts/checks/documented.mjs"]],
    seen: numberIn(/(\d+) public symbols/),
  },
  documents: repositoryTest("documents"),
  reliability: repositoryTest("reliability"),
  walk: repositoryTest("walk"),
  examples: repositoryTest("examples"),
  kubernetes: repositoryTest("kubernetes"),
  package: { commands: [["node", "scripts/check-package.mjs"]], seen: numberIn(/(\d+) files/) },
  // Breaks a copy of the repository to see that these checks find it.
  checks: repositoryTest("checks"),
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name in CHECKS))
    throw new RangeError(`No check is called '${name}'; there are ${Object.keys(CHECKS).join(", ")}`);
}

const failed = [];
for (const [name, { commands, seen }] of Object.entries(CHECKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const started = performance.now();
  let passed = true;
  for (const [program, ...parameters] of commands) {
    const { code, output } = await runCommand(program, parameters, { capture: true });
    const blind = code === 0 && (await seen?.(output)) === 0;
    if (code === 0 && !blind) continue;
    passed = false;
    process.stdout.write(`${output.trimEnd()}\n`);
    if (blind) process.stdout.write(`'${[program, ...parameters].join(" ")}' looked at nothing\n`);
  }
  if (!passed) failed.push(name);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${passed ? "ok  " : "FAIL"} ${name.padEnd(10)} ${seconds.padStart(5)} s\n`);
}
if (failed.length > 0) {
  process.stderr.write(`check: ${failed.join(", ")} failed\n`);
  process.exitCode = 1;
}

/** A check that is written as tests, of which each that could see nothing says how much it looked at. */
function repositoryTest(name) {
  return {
    commands: [
      ["node", "--import", "tsx", "--test", "--test-reporter=tap", `test/repository/${name}.test.ts`],
    ],
    seen(output) {
      const counts = [...output.matchAll(/^ *# looked at (\d+)/gm)].map(([, count]) => Number(count));
      return Math.min(Number(/^# pass (\d+)$/m.exec(output)?.[1] ?? 0), ...counts);
    },
  };
}

function numberIn(pattern) {
  return (output) => Number(pattern.exec(output)?.[1] ?? 0);
}

/** Imports that were followed; none if they are not at least as many as there are sources, each of which has some. */
function cruisedImports(output) {
  const [, modules, imports] = /\((\d+) modules, (\d+) dependencies cruised\)/.exec(output) ?? [];
  const sources = readdirSync(path.join(ROOT, "src"), { recursive: true }).filter((file) =>
    file.endsWith(".ts"),
  );
  return Number(modules) > sources.length && Number(imports) > sources.length ? Number(imports) : 0;
}

/** Files of the project itself that the compiler reads, in `src/`, `test/` or `test/types/`, whichever are fewest. */
async function typedFiles() {
  const parameters = [TSC, "-p", "tsconfig.json", "--listFilesOnly"];
  const { output } = await runCommand("node", parameters, { capture: true });
  const files = output.split("\n").map((file) => path.relative(ROOT, file));
  return Math.min(
    ...["src/", "test/", "test/types/"].map((part) => files.filter((file) => file.startsWith(part)).length),
  );
}
