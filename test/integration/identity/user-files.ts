/** What the tests of identities share: a user's files, and a program that has a pool and calls what they declare. */
import type { RunResult } from "../../support/run-node.ts";
import { MODULES, userProject } from "../environments/user-project.ts";

/** Runs statements that have a pool; `jobs` is what `jobs.js` exports. */
export function mainOf(statements: string, jobs = "./jobs.js"): string {
  return `import { WorkerPool } from "merino"; import * as jobs from "${jobs}";
const pool = await WorkerPool.open({ size: 1 });
try {
${statements}
} finally { await pool.close(); }
`;
}

/** Prints what a refused call's error says in fields, then its message. */
export const SHOW = "(error) => console.log(error.code, error.routine ?? error.path, error.message)";

/** With which a file begins that declares routines. */
export const IMPORT = 'import { routine } from "merino";';

/** Runs a program in a project of its own. */
export async function runFiles(
  files: Readonly<Record<string, string>>,
  args: readonly string[] = ["main.js"],
): Promise<RunResult> {
  await using project = userProject({ "package.json": MODULES, ...files });
  return await project.run(args);
}
