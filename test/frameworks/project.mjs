/**
 * What the projects of `npm run frameworks` have in common: what is installed beside Merino, the files, the commands,
 * what the last of them has to print, and what a user has to know.
 *
 * @typedef {object} Project
 * @property {string} name What the row of the table is called.
 * @property {boolean} [quick] Whether it is tried for every pull request, since it installs quickly and tells much.
 * @property {readonly string[]} packages To install, with their major versions.
 * @property {Readonly<Record<string, string>>} files By path.
 * @property {readonly (readonly string[])[]} commands `node` is this Node; other names are programs that were installed.
 * @property {RegExp} expected In the output of the last command.
 * @property {string} [note] What has to be done, in a few words; absent: nothing.
 * @property {Readonly<Record<string, string>>} [env]
 */

import { readFileSync } from "node:fs";

/** For programs that go on until they are ended. */
export const DRIVE = readFileSync(new URL("drive.mjs", import.meta.url), "utf8");

export const MODULES = '{ "name": "project", "private": true, "type": "module" }';
export const COMMON_JS = '{ "name": "project", "private": true }';

/** The routine tells where it ran; the program prints the sum, and whether that was elsewhere. */
export const JOBS = `import { routine } from "merino";
export const add = routine(async function add(x, y) { return [x + y, process.pid]; });
`;
export const TYPED_JOBS = `import { routine } from "merino";
enum Unit { one = 1 }
export const add = routine(async function add(x: number, y: number) { return [x + y * Unit.one, process.pid] as const; });
`;
export const main = (jobs) => `import { WorkerPool } from "merino";
import { add } from "${jobs}";
(async () => {
  const pool = await WorkerPool.open({ size: 1 });
  try {
    const [sum, pid] = await add(1, 2);
    console.log("sum", sum, pid === process.pid ? "here" : "elsewhere");
  } finally {
    await pool.close();
  }
})();
`;
export const SUM = /^sum 3 elsewhere$/m;

export const TSCONFIG = JSON.stringify({
  compilerOptions: {
    module: "commonjs",
    moduleResolution: "node10",
    ignoreDeprecations: "5.0",
    target: "es2022",
    esModuleInterop: true,
    strict: true,
    skipLibCheck: true,
    types: ["node"],
  },
});
export const TYPESCRIPT = ["typescript@5", "@types/node@20"];

export const javaScript = { "package.json": MODULES, "jobs.js": JOBS, "main.js": main("./jobs.js") };
export const commonTypeScript = {
  "package.json": COMMON_JS,
  "tsconfig.json": TSCONFIG,
  "jobs.ts": TYPED_JOBS,
  "main.ts": main("./jobs"),
};
export const typeScript = { "package.json": MODULES, "jobs.ts": TYPED_JOBS, "main.ts": main("./jobs.ts") };
