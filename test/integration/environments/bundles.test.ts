/**
 * Bundles that have taken the library in: workers are started from the files of the package that is installed, and a pool
 * that starts none needs no files.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "../../support/repository.ts";
import { assertOutput, MODULES, type UserProject, userProject } from "./user-project.ts";

const FILES = {
  "package.json": MODULES,
  "jobs.mjs": `import { routine } from "merino";
export const add = routine(async function add(x, y) { return [x + y, process.pid]; });
`,
  "main.mjs": `import { WorkerPool } from "merino";
import { add } from "./jobs.mjs";
(async () => {
  const pool = await WorkerPool.open({ size: 1 });
  try {
    const [sum, pid] = await add(1, 2);
    console.log(sum, pid !== process.pid);
  } finally {
    await pool.close();
  }
})().catch((error) => {
  console.log(error.message);
  process.exitCode = 1;
});
`,
  "none.mjs": `import { LocalDiscovery, routine, WorkerPool } from "merino";
const double = routine(async function double(x) { return 2 * x; });
const local = await WorkerPool.open({ local: true });
console.log(await double(21));
await local.close();
const pool = await WorkerPool.open({ discovery: new LocalDiscovery("merino-tests-bundle"), worker: "thread" });
console.log(pool.stats().size);
await pool.close();
`,
};

/** Of what the library loads when it is needed: a bundler wants to see it. */
const INSTALLED = { dependencies: ["multicast-dns"] };

/** By the command, which leaves no service behind in this process. */
function bundle(project: UserProject, outfile: string, ...options: readonly string[]): void {
  const program = join(ROOT, "node_modules/esbuild/bin/esbuild");
  const usual = [`--outfile=${outfile}`, "--bundle", "--platform=node", "--log-level=error"];
  execFileSync(program, [...usual, ...options], { cwd: project.directory });
}

describe("bundles with the library inside", () => {
  test("start their workers, as ES modules, as CommonJS, and minified", async () => {
    await using project = userProject(FILES, INSTALLED);
    bundle(project, "bundle.mjs", "main.mjs", "--format=esm");
    bundle(project, "bundle.cjs", "main.mjs", "--format=cjs");
    bundle(project, "small.mjs", "main.mjs", "--format=esm", "--minify", "--keep-names");

    for (const file of ["bundle.mjs", "bundle.cjs", "small.mjs"]) {
      assertOutput(await project.run([file]), ["3 true"]);
    }
  });

  test("say what to do where the package is not installed", async () => {
    await using project = userProject(FILES, INSTALLED);
    bundle(project, "bundle.mjs", "main.mjs", "--format=esm");
    rmSync(project.path("node_modules/merino"), { recursive: true });

    const { exitCode, stdout } = await project.run(["bundle.mjs"]);

    assert.equal(exitCode, 1);
    assert.match(
      stdout,
      /part of '.*bundle\.mjs'.*keep "merino" out of the bundle.*install it where the bundle runs/,
    );
  });

  test("open pools that start no workers where the package is not installed", async () => {
    await using project = userProject(FILES, INSTALLED);
    bundle(project, "bundle.mjs", "none.mjs", "--format=esm");
    rmSync(project.path("node_modules/merino"), { recursive: true });

    assertOutput(await project.run(["bundle.mjs"]), ["42", "0"]);
  });
});
