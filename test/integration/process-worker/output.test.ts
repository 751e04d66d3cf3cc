/** What workers print reaches the output of their parent: complete, in order, by way of its own streams. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runNode } from "../../support/run-node.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { allGone, runProgram } from "./programs.ts";

const LINES = 10_000;

function lines(stream: string): string {
  return Array.from({ length: LINES }, (_, line) => `${stream} ${line} ${"x".repeat(90)}\n`).join("");
}

test("ProcessWorker forwards each stream completely and in order, also what was printed just before the end", async () => {
  await using program = runProgram("prints", String(LINES));

  const { exitCode, stdout, stderr } = await program.ended;

  assert.equal(stdout === lines("out"), true, "stdout");
  assert.equal(stderr === lines("err"), true, "stderr");
  assert.equal(exitCode, 0);
});

test("ProcessWorker prints through a process.stdout.write that the parent replaced", async () => {
  await using program = runProgram("prints into a patch", "3");

  const seen = await program.told();

  assert.match(String(seen), /^out 0 x+\nout 1 x+\nout 2 x+\n$/);
  assert.equal((await program.ended).stdout, "");
});

test("ProcessWorker does not let a busy parent hold up a worker that prints", async () => {
  using folder = temporaryPackage({});
  await using program = runProgram("is busy", String(LINES), folder.path("printed"));

  const { printed } = (await program.told()) as { readonly printed: boolean };

  // The parent does nothing else until the worker has printed megabytes.
  assert.equal(printed, true);
  assert.equal((await program.ended).stdout === lines("out"), true);
});

test("ProcessWorker does not crash a parent whose output nobody reads any more", async () => {
  await using program = runProgram("loses its reader");
  const { workers } = (await program.told()) as { readonly workers: number[] };

  program.child.stdout?.destroy();

  assert.deepEqual(await program.told(), { exitCode: 0, stderr: "" });
  assert.equal((await program.ended).exitCode, 0);
  await allGone(workers);
});

const MERINO = new URL("../../../dist/index.js", import.meta.url).href;

/** Runs a program that ends by `process.exit()` in the turn in which its last call settles. */
async function runPrinting(program: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  using folder = temporaryPackage({
    "main.mjs": `
      import { routine, WorkerPool } from "${MERINO}";
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
      export const tell = routine(async function tell(n) {
        console.log("out " + n);
        await new Promise((resolve) => setTimeout(resolve, n % 5));
        return String(n).repeat(50);
      });
      export const silent = routine(async function silent() {});
      const pool = await WorkerPool.open({ size: 1 });
      ${program}
      process.exit(0);
    `,
  });
  return await runNode([folder.path("main.mjs")]);
}

const upTo = (lines: number, line: (n: number) => string): string =>
  Array.from({ length: lines }, (_, n) => `${line(n)}\n`).join("");

test("A call settles after what its body printed, however much, also if the program exits right after", async () => {
  const { stdout, stderr } = await runPrinting(`await print(0, ${LINES});`);

  assert.equal(stdout === upTo(LINES, (n) => `out ${n}`), true, stderr);
});

test("What a body prints stands before what the program prints after the call", async () => {
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

test("A generator's values come after what it printed before them", async () => {
  const { stdout, stderr } = await runPrinting(`for await (const n of count(20)) console.log("value " + n);`);

  assert.equal(
    stdout,
    upTo(20, (n) => `out ${n}\nvalue ${n}`),
    stderr,
  );
});

test("Calls settle at once where somebody has replaced process.stdout.write, printing or not", async () => {
  const { stdout, stderr } = await runPrinting(`
    const write = process.stdout.write;
    const lines = [];
    process.stdout.write = (chunk) => { lines.push(String(chunk)); return true; }; // never says that it is written
    const since = performance.now();
    await print(0, 1);
    for (let n = 0; n < 100; n += 1) await silent();
    const elapsed = performance.now() - since;
    process.stdout.write = write;
    console.log(lines.join("").trim(), elapsed < 1_000);
  `);

  assert.equal(stdout, "out 0 true\n", stderr);
});

test("Answers that wait for output which is passed on slowly are what the bodies gave", async () => {
  const { stdout, stderr } = await runPrinting(`
    const write = process.stdout.write;
    process.stdout.write = (chunk, encoding, done) => {
      setTimeout(typeof encoding === "function" ? encoding : done, 2);
      return true;
    };
    const calls = Array.from({ length: 500 }, (_, n) => n);
    const answers = await Promise.all(calls.map((n) => tell(n)));
    process.stdout.write = write;
    console.log(answers.filter((answer, n) => answer !== String(n).repeat(50)).length, "wrong");
  `);

  assert.equal(stdout, "0 wrong\n", stderr);
});
