/**
 * The two builds under comparison, each a package of its own in a temporary folder, so that `merino` means one in
 * one folder and the other in the other. The programs that are measured are copied into both, from the working
 * tree, and resolve it from there; what else is different between the folders is only what was built.
 */
import { cp, mkdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { BenchmarkError } from "../support/benchmark-error.ts";
import { note } from "../support/run.ts";
import { runCommand } from "./command.ts";
import { type Commit, type Repository, writeFilesOf } from "./commit.ts";

/** A package with `dist/`, its dependencies, and the programs that are measured. */
export interface Build {
  /** Absolute. */
  readonly folder: string;
}

export interface Builds {
  readonly new: Build;
  readonly old: Build;
}

/** What both builds get from the working tree. */
const PROGRAMS = ["benchmarks/probes", "benchmarks/against/program"];
const ENTRY = "dist/index.js";

/**
 * Builds a commit, and copies the build of the working tree beside it: so it may be changed while it is measured.
 *
 * @param folder An existing folder for both.
 * @throws BenchmarkError if the working tree has not been built, or the commit cannot be.
 */
export async function prepareBuilds(commit: Commit, folder: string, repository: Repository): Promise<Builds> {
  const working = await copyWorkingTree(join(folder, "new"), repository.root);
  const other = await buildCommit(commit, join(folder, "old"), repository);
  for (const { folder } of [working, other]) {
    await rm(join(folder, "benchmarks"), { recursive: true, force: true });
    for (const program of PROGRAMS) {
      await cp(join(repository.root, program), join(folder, program), { recursive: true });
    }
  }
  return { new: working, old: other };
}

async function copyWorkingTree(folder: string, root: string): Promise<Build> {
  if (!(await exists(join(root, ENTRY)))) {
    throw new BenchmarkError(`The working tree has no '${ENTRY}': run 'npm run build' first`);
  }
  await mkdir(folder, { recursive: true });
  for (const part of ["package.json", "dist"]) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await shareDependencies(folder, root);
  return { folder };
}

async function buildCommit(commit: Commit, folder: string, repository: Repository): Promise<Build> {
  await writeFilesOf(commit, folder, repository);
  if (await haveSameDependencies(folder, repository.root)) {
    await shareDependencies(folder, repository.root);
  } else {
    note(`${commit.ref}: npm ci, as its lock file differs`);
    await npm(["ci"], commit, folder, repository);
  }
  note(`${commit.ref}: npm run build`);
  await npm(["run", "build"], commit, folder, repository);
  if (!(await exists(join(folder, ENTRY)))) {
    throw new BenchmarkError(
      `The build of ${commit.ref} has no '${ENTRY}'; it cannot be compared with this one`,
    );
  }
  return { folder };
}

/** Whether what is installed for one tree is what the other wants. */
async function haveSameDependencies(folder: string, root: string): Promise<boolean> {
  const [theirs, ours] = await Promise.all([readLock(folder), readLock(root)]);
  return theirs !== undefined && theirs === ours;
}

async function readLock(folder: string): Promise<string | undefined> {
  const file = join(folder, "package-lock.json");
  return (await exists(file)) ? readFile(file, "utf8") : undefined;
}

async function shareDependencies(folder: string, root: string): Promise<void> {
  await symlink(join(root, "node_modules"), join(folder, "node_modules"), "dir");
}

async function npm(
  parameters: readonly string[],
  commit: Commit,
  folder: string,
  { signal }: Repository,
): Promise<void> {
  const { code, stdout, stderr } = await runCommand("npm", parameters, { cwd: folder, signal });
  if (code === 0) return;
  throw new BenchmarkError(
    `${stdout}${stderr}\nCannot compare with ${commit.ref}: 'npm ${parameters.join(" ")}' fails in that commit (${commit.hash.slice(0, 7)} ${commit.subject}). Its output is above; choose a commit that builds.`,
  );
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
