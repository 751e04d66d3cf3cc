/** A commit is found, built beside the working tree, and gone again. In repositories of the tests' own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Builds, prepareBuilds } from "../../../benchmarks/against/build.ts";
import { findCommit, type Repository } from "../../../benchmarks/against/commit.ts";
import { openWorkspace } from "../../../benchmarks/against/workspace.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";

/** Writes into `dist/` what `src.txt` holds, and says which dependencies it saw. */
const BUILD = `
  import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
  mkdirSync("dist", { recursive: true });
  writeFileSync("dist/index.js", readFileSync("src.txt", "utf8").trim() + " with " + readdirSync("node_modules"));`;

interface Project extends Disposable {
  readonly files: TemporaryPackage;
  readonly repository: Repository;
  readonly controller: AbortController;
  commit(changes: Readonly<Record<string, string>>): void;
}

/** A project with a build, of which everything but `dist/` and `node_modules/` is committed. */
function useProject(): Project {
  const files = temporaryPackage({
    ".gitignore": "dist/\nnode_modules/\n",
    "package.json": JSON.stringify({ name: "project", type: "module", scripts: { build: "node build.mjs" } }),
    "package-lock.json": "{}",
    "build.mjs": BUILD,
    "src.txt": "first",
    "benchmarks/probes/probe.mjs": "// of the working tree",
    "benchmarks/against/program/caller.mjs": "// of the working tree",
    "node_modules/dependency/index.js": "",
  });
  const git = (...parameters: string[]) => execFileSync("git", parameters, { cwd: files.directory });
  git("init", "--quiet");
  const controller = new AbortController();
  const project: Project = {
    files,
    repository: { root: files.directory, signal: controller.signal },
    controller,
    commit(changes) {
      for (const [file, text] of Object.entries(changes)) writeFileSync(files.path(file), text);
      git("add", "--all");
      git("-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "A change");
    },
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
  project.commit({});
  return project;
}

async function build(project: Project, ref: string, folder: string): Promise<Builds> {
  return prepareBuilds(await findCommit(ref, project.repository), folder, project.repository);
}

test("prepareBuilds builds the commit, and copies the working tree as it has been built", async () => {
  await using _leaks = leakCheck();
  using project = useProject();
  project.commit({ "src.txt": "second", "benchmarks/probes/probe.mjs": "// newer" });
  execFileSync(process.execPath, ["build.mjs"], { cwd: project.files.directory });
  writeFileSync(project.files.path("src.txt"), "not built yet");
  await using workspace = await openWorkspace();

  const builds = await build(project, "HEAD~1", workspace.folder);

  const read = (side: keyof Builds, file: string) => readFileSync(join(builds[side].folder, file), "utf8");
  assert.equal(read("new", "dist/index.js"), "second with dependency");
  assert.equal(read("old", "dist/index.js"), "first with dependency");
  for (const side of ["new", "old"] as const) {
    assert.equal(read(side, "benchmarks/probes/probe.mjs"), "// newer");
    assert.deepEqual(readdirSync(join(builds[side].folder, "node_modules")), ["dependency"]);
  }
});

test("prepareBuilds leaves the repository as it is, and its workspace leaves nothing", async () => {
  await using _leaks = leakCheck();
  using project = useProject();
  project.commit({ "src.txt": "second", "dropped.txt": "of one commit only" });
  execFileSync(process.execPath, ["build.mjs"], { cwd: project.files.directory });
  const status = () =>
    execFileSync("git", ["status", "--porcelain"], { cwd: project.files.directory }).toString();
  let folder: string;

  {
    await using workspace = await openWorkspace();
    folder = workspace.folder;
    await build(project, "HEAD~1", folder);
    assert.equal(existsSync(join(folder, "old/dropped.txt")), false);
  }

  assert.equal(status(), "");
  assert.equal(existsSync(folder), false);
  assert.equal(existsSync(project.files.path("node_modules/dependency/index.js")), true);
});

test("prepareBuilds fails with the output of a build that fails", async () => {
  await using _leaks = leakCheck();
  using project = useProject();
  project.commit({ "build.mjs": `console.error("a type is wrong"); process.exit(1);` });
  project.commit({ "build.mjs": BUILD });
  execFileSync(process.execPath, ["build.mjs"], { cwd: project.files.directory });
  await using workspace = await openWorkspace();

  await assert.rejects(build(project, "HEAD~1", workspace.folder), {
    name: "BenchmarkError",
    message: /a type is wrong[\s\S]*'npm run build' fails in that commit/,
  });
});

test("prepareBuilds asks for a build of the working tree if there is none", async () => {
  using project = useProject();
  await using workspace = await openWorkspace();

  await assert.rejects(build(project, "HEAD", workspace.folder), {
    name: "BenchmarkError",
    message: /npm run build/,
  });
});

test("prepareBuilds ends a build, with all its processes, when it is interrupted", async () => {
  await using _leaks = leakCheck();
  using project = useProject();
  const marker = project.files.path("dist/pid.txt");
  project.commit({
    "build.mjs": `
      import { writeFileSync } from "node:fs";
      writeFileSync(${JSON.stringify(marker)}, String(process.pid));
      setInterval(() => {}, 1_000);`,
  });
  project.commit({ "build.mjs": BUILD });
  execFileSync(process.execPath, ["build.mjs"], { cwd: project.files.directory });
  await using workspace = await openWorkspace();

  const building = build(project, "HEAD~1", workspace.folder);
  const failed = assert.rejects(building, { message: "enough" });
  const pid = await eventually(
    () => (existsSync(marker) ? Number(readFileSync(marker, "utf8")) : undefined),
    {
      withinMs: 20_000,
    },
  );
  project.controller.abort(new Error("enough"));
  await failed;

  await eventually(() => !isRunning(pid));
});

test("findCommit refuses names of nothing and of what is no commit", async () => {
  using project = useProject();

  for (const ref of ["nonsense", "HEAD~7", "HEAD^{tree}", "HEAD..HEAD", "--all", ""]) {
    await assert.rejects(
      findCommit(ref, project.repository),
      { name: "BenchmarkError", message: /git log/ },
      ref,
    );
  }
});

test("findCommit asks for a clone where there is no history of the project", async () => {
  using project = useProject();
  using files = temporaryPackage({ "package.json": "{}" });
  const { signal } = project.controller;

  for (const root of [files.directory, project.files.path("benchmarks")]) {
    await assert.rejects(
      findCommit("HEAD", { root, signal }),
      { name: "BenchmarkError", message: /Clone/ },
      root,
    );
  }
});

test("findCommit says that git is missing", async () => {
  using project = useProject();
  const { PATH } = process.env;
  process.env.PATH = project.files.directory;
  try {
    await assert.rejects(findCommit("HEAD", project.repository), {
      name: "BenchmarkError",
      message: /needs git/,
    });
  } finally {
    process.env.PATH = PATH;
  }
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
