/**
 * Canaries for the tools that report nothing when all is well, and nothing when they saw nothing: each is given a
 * breach in a copy of its configuration and has to find it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { listFiles, ROOT } from "../../support/repository.ts";

test("unused-code check finds an export, a file and a dependency that nothing uses", async () => {
  await using project = await createProject({
    "package.json": JSON.stringify({ name: "canary", type: "module", dependencies: { publint: "*" } }),
    "src/index.ts": `export { used } from "./internal/used.ts";`,
    "src/internal/used.ts": "export const used = 1;\nexport const unused = 2;",
    "src/internal/forgotten.ts": "export const forgotten = 3;",
  });

  const output = await project.run("node_modules/knip/bin/knip.js", ["--no-progress", "--no-config-hints"]);

  assert.match(output, /Unused files \(1\)\n.*forgotten\.ts/);
  assert.match(output, /Unused dependencies \(1\)\npublint/);
  assert.match(output, /Unused exports \(1\)\nunused /);
});

test("linter finds a promise that nobody awaits", async () => {
  await using project = await createProject({
    "src/internal/float.ts":
      "export async function save(): Promise<void> {}\nexport function run(): void {\n  save();\n}",
  });

  const output = await project.run("node_modules/@biomejs/biome/bin/biome", [
    "lint",
    "--reporter=concise",
    "src",
  ]);

  assert.match(output, /lint\/nursery\/noFloatingPromises/);
});

test("linter finds a timer that tests could not move", async () => {
  await using project = await createProject({
    "src/internal/timer.ts":
      "export function later(run: () => void): void {\n  setTimeout(run, 5);\n  setInterval(run, 5);\n}",
  });

  const output = await project.run("node_modules/@biomejs/biome/bin/biome", [
    "lint",
    "--reporter=concise",
    "src",
  ]);

  assert.equal(output.match(/lint\/style\/noRestrictedGlobals/g)?.length, 2, output);
});

test("type tests assert refusals as well as what is accepted", async () => {
  const files = (await listFiles()).filter((file) => /^test\/types\/.*\.ts$/.test(file));
  let refusals = 0;
  for (const file of files) {
    refusals += (await readFile(path.join(ROOT, file), "utf8")).match(/@ts-expect-error/g)?.length ?? 0;
  }

  assert.notEqual(refusals, 0);
});

interface Project extends AsyncDisposable {
  /** Runs a tool of the repository in the project and returns what it prints, whatever its exit code. */
  run(tool: string, parameters: readonly string[]): Promise<string>;
}

/** A project with the repository's configuration of its tools and the given files, in a temporary folder. */
async function createProject(files: Readonly<Record<string, string>>): Promise<Project> {
  const folder = await mkdtemp(path.join(tmpdir(), "merino-checkers-"));
  for (const name of ["biome.json", "knip.json", "tsconfig.json"]) {
    await cp(path.join(ROOT, name), path.join(folder, name));
  }
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  for (const [file, source] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), `${source}\n`);
  }
  return {
    run: (tool, parameters) =>
      new Promise((resolve) => {
        const command = [path.join(ROOT, tool), ...parameters];
        execFile(process.execPath, command, { cwd: folder }, (_error, stdout, stderr) =>
          resolve(stdout + stderr),
        );
      }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
