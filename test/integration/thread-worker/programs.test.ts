/** Whole programs whose workers are threads: what they print, their entry module, TypeScript, and their end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type RunResult, runNode } from "../../support/run-node.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

const MERINO = new URL("../../../dist/index.js", import.meta.url).href;
const LINES = 10_000;
const upTo = (lines: number, line: (n: number) => string): string =>
  Array.from({ length: lines }, (_, n) => `${line(n)}\n`).join("");

const PRINTING = `
  import { routine } from "${MERINO}";
  export const print = routine(async function print(from, to) {
    for (let line = from; line < to; line += 1) console.log("out " + line);
    return to;
  });
  export const complain = routine(async function complain(line) {
    console.log("out " + line);
    console.error("err " + line);
    return line;
  });
  export const count = routine(async function* count(to) {
    for (let line = 0; line < to; line += 1) {
      console.log("out " + line);
      yield line;
    }
  });
  export const printAndExit = routine(async function printAndExit(to) {
    for (let line = 0; line < to; line += 1) console.log("out " + line);
    process.exit(0);
  });
  export const printAndSpin = routine(async function printAndSpin(to) {
    for (let line = 0; line < to; line += 1) console.log("out " + line);
    for (;;);
  });
`;

/** Runs a program that ends by `process.exit()` in the turn in which its last call settles. */
async function runPrinting(program: string): Promise<RunResult> {
  using folder = temporaryPackage({
    "jobs.mjs": PRINTING,
    "main.mjs": `
      import { WorkerPool } from "${MERINO}";
      import { complain, count, print, printAndExit, printAndSpin } from "./jobs.mjs";
      const pool = await WorkerPool.open({ size: 1, worker: "thread", killGrace: 100 });
      ${program}
      process.exit(0);
    `,
  });
  return await runNode([folder.path("main.mjs")]);
}

describe("what bodies in threads print", () => {
  test("comes before their calls settle, however much, also if the program exits right after", async () => {
    const { stdout, stderr } = await runPrinting(`await print(0, ${LINES});`);

    assert.equal(stdout === upTo(LINES, (n) => `out ${n}`), true, stderr);
  });

  test("stands before what the program prints after the call", async () => {
    const { stdout, stderr } = await runPrinting(
      `for (let n = 0; n < 50; n += 1) { await complain(n); console.log("settled " + n); }`,
    );

    assert.equal(
      stdout,
      upTo(50, (n) => `out ${n}\nsettled ${n}`),
    );
    assert.equal(
      stderr,
      upTo(50, (n) => `err ${n}`),
    );
  });

  test("comes before each value that follows it", async () => {
    const { stdout, stderr } = await runPrinting(
      `for await (const n of count(20)) console.log("value " + n);`,
    );

    assert.equal(
      stdout,
      upTo(20, (n) => `out ${n}\nvalue ${n}`),
      stderr,
    );
  });

  test("is complete although the body ends its worker", async () => {
    const { stdout, stderr } = await runPrinting(
      `await printAndExit(${LINES}).catch((error) => console.log(error.code));
       await new Promise((resolve) => process.stdout.write("", resolve));`,
    );

    assert.equal(stdout === `${upTo(LINES, (n) => `out ${n}`)}ERR_MERINO_WORKER_LOST\n`, true, stderr);
  });

  test("is there although the worker is ended by force", async () => {
    const { stdout, stderr } = await runPrinting(
      `const stop = new AbortController();
       const accepted = (async () => {
         for await (const { type, phase } of pool.events()) if (type === "task" && phase === "accepted") return;
       })();
       const lost = printAndSpin.with({ signal: stop.signal })(100).catch(() => {});
       await accepted;
       stop.abort();
       await lost;
       await print(0, 0); // on the worker that takes its place`,
    );

    assert.equal(
      stdout,
      upTo(100, (n) => `out ${n}`),
      stderr,
    );
  });
});

describe("a program of one file whose workers are threads", () => {
  const PROGRAM = `
    import { threadId } from "node:worker_threads";
    import { isMain, routine, WorkerPool } from "${MERINO}";
    export const where = routine(async function where() {
      return [threadId > 0, isMain(import.meta)];
    });
    const pool = await WorkerPool.open({ size: 2, worker: "thread" });
    console.log("opened", threadId, isMain(import.meta));
    console.log(JSON.stringify(await where()));
    await pool.close();
    console.log("closed");
  `;

  test("is suspended in them at the line that opens the pool", async () => {
    using folder = temporaryPackage({ "main.mjs": PROGRAM });

    const { stdout, stderr, exitCode } = await runNode([folder.path("main.mjs")]);

    assert.equal(stdout, "opened 0 true\n[true,false]\nclosed\n", stderr);
    assert.equal(exitCode, 0);
  });

  test("ends by itself although its pool is open, and leaves no file", async () => {
    using folder = temporaryPackage({
      "main.mjs": PROGRAM.replace("await pool.close();", ""),
      "run/.keep": "",
    });

    const { stdout, stderr, exitCode } = await runNode([folder.path("main.mjs")], {
      env: { XDG_RUNTIME_DIR: folder.path("run") },
    });

    assert.equal(stdout, "opened 0 true\n[true,false]\nclosed\n", stderr);
    assert.equal(exitCode, 0);
  });
});

describe("TypeScript in threads", () => {
  const FILES = {
    "package.json": '{ "name": "program", "type": "module" }',
    // Neither the enum nor the name './other.js' works with Node's own type stripping.
    "jobs.ts": `
      import { routine } from "${MERINO}";
      import { Colour } from "./other.js";
      export const colour = routine(async function colour(): Promise<number> { return Colour.red; });
    `,
    "other.ts": "export enum Colour { red = 7 }",
    "main.ts": `
      import { WorkerPool } from "${MERINO}";
      import { colour } from "./jobs.js";
      const pool = await WorkerPool.open({ size: 1, worker: "thread" });
      console.log(await colour(), process.execArgv.length > 0);
      await pool.close();
    `,
  };

  test("is loaded by tsx, which the program was started with", async () => {
    using folder = temporaryPackage(FILES, { dependencies: ["tsx"] });

    const { stdout, stderr } = await runNode(["--import", "tsx", folder.path("main.ts")], {
      cwd: folder.directory,
    });

    assert.equal(stdout, "7 true\n", stderr);
  });

  test("is loaded by tsx also in a package of CommonJS", async () => {
    const main = `${FILES["main.ts"].replace("const pool", "async function main() { const pool")}\n} main();`;
    using folder = temporaryPackage(
      { ...FILES, "package.json": '{ "name": "program" }', "main.ts": main },
      { dependencies: ["tsx"] },
    );

    const { stdout, stderr } = await runNode(["--import", "tsx", folder.path("main.ts")], {
      cwd: folder.directory,
    });

    assert.equal(stdout, "7 true\n", stderr);
  });
});
