/** The other commit: found by a name, and its files written to a folder. The repository itself is only read. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BenchmarkError } from "../support/benchmark-error.ts";
import { type CommandResult, runCommand } from "./command.ts";

export interface Commit {
  /** The name by which it was asked for. */
  readonly ref: string;
  readonly hash: string;
  readonly subject: string;
}

export interface Repository {
  /** The folder that git is to look at; anywhere in the work tree. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/**
 * Finds a commit.
 *
 * @throws BenchmarkError if there is no git, no repository, or no such commit in it.
 */
export async function findCommit(ref: string, repository: Repository): Promise<Commit> {
  const place = await git(["rev-parse", "--show-prefix"], repository);
  if (place.code !== 0 || place.stdout.trim() !== "") {
    throw new BenchmarkError(
      `A comparison needs the project's history, and '${repository.root}' is not the top of a git repository. ${place.stderr.trim()}\nClone the project instead of copying its files.`,
    );
  }
  const found = await git(["rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`], repository);
  const hash = found.stdout.trim();
  if (found.code !== 0) {
    throw new BenchmarkError(
      `No commit is called '${ref}' here. Give --against a branch, a tag or a hash that 'git log' knows; 'git fetch' brings those of others, 'git fetch --unshallow' the older ones.`,
    );
  }
  const { stdout: subject } = await git(
    ["log", "-1", "--no-show-signature", "--format=%s", hash],
    repository,
  );
  return { ref, hash, subject: subject.trim() };
}

/**
 * Says what the working tree is: a commit, and whether it has changes.
 *
 * @returns For example `1a2b3c4 with changes`.
 */
export async function describeWorkingTree(repository: Repository): Promise<string> {
  const { stdout: hash } = await git(["rev-parse", "--short", "HEAD"], repository);
  const { stdout: changes } = await git(["status", "--porcelain"], repository);
  return `${hash.trim()}${changes === "" ? "" : " with changes"}`;
}

/** Writes the files of a commit into a folder that need not exist. The repository's own index is left alone. */
export async function writeFilesOf(commit: Commit, folder: string, repository: Repository): Promise<void> {
  await mkdir(folder, { recursive: true });
  const index = join(folder, ".git-index");
  const steps = [
    ["read-tree", commit.hash],
    ["checkout-index", "--all", `--prefix=${folder}/`],
  ];
  for (const step of steps) {
    const { code, stderr } = await git(step, repository, { GIT_INDEX_FILE: index });
    if (code !== 0) {
      throw new BenchmarkError(`Cannot write the files of ${commit.ref} to '${folder}': ${stderr.trim()}`);
    }
  }
  await rm(index, { force: true });
}

async function git(
  parameters: readonly string[],
  { root, signal }: Repository,
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  try {
    return await runCommand("git", parameters, { cwd: root, env, signal });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new BenchmarkError("A comparison with another commit needs git, and there is none in the path", {
      cause: error,
    });
  }
}
