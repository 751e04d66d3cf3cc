/**
 * The inside of one process of tests: imports test files one after the other, each into a suite that bears its
 * name, and goes on to the next when the tests of one have ended. Where files share the process, one that leaves
 * it other than it found it has failed, because the next one would have to bear it.
 *
 * `scripts/test.mjs` writes a module that calls this for each process, and Node's test runner starts those.
 */
import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ambientDispatcher } from "../src/context/scope.ts";
import { ROOT } from "./command.mjs";

/** How long what a file has closed may take to be gone, in milliseconds. */
const CLOSING_MS = 3_000;

/** In which Linux tells times to programs, on every processor that Node runs on. */
const TICKS_PER_SECOND = 100;

/** How long the process may take to end when its last file has. */
const EXIT_MS = 3_000;

/**
 * Runs the tests of some files, in this order.
 *
 * @param files Paths from the repository's root.
 * @param options `timeoutMs`: how long the tests of one file may take; `statusFile`: where to note which file is
 *   running, for whoever has to end this process; `costsFile`: where to note the processor time of each; `claims`:
 *   where files share processes, a folder in which they note which file each of them has taken. A file has to leave
 *   such a process as it found it.
 */
export async function runBatch(files, { timeoutMs, statusFile, costsFile, claims }) {
  const ran = [];
  let spentMs = 0;
  for (const file of files) {
    if (claims !== undefined && !claim(path.join(claims, encodeURIComponent(file)))) continue;
    ran.push(file);
    writeFileSync(statusFile, file);
    const before = await runFile(file, timeoutMs);
    const nowMs = processorTimeMs();
    appendFileSync(costsFile, `${JSON.stringify({ file, ms: nowMs - spentMs })}\n`);
    spentMs = nowMs;
    const changes = claims === undefined ? [] : await remainingChanges(before);
    // Only tests are counted by the runner, so that a failure has to be one.
    if (changes.length > 0) {
      test(`${file} leaves the process as it found it`, () => {
        throw new Error(`It changed: ${changes.join("; ")}`);
      });
    }
  }
  // Unreferenced: it fires only if something else keeps the process alive.
  setTimeout(() => {
    process.stderr.write(`test: had to end the process that ran ${ran.join(", ")}\n`);
    process.exit(1);
  }, EXIT_MS).unref();
}

/** What this process and those of its children that have ended have taken, their own children included. */
function processorTimeMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 + childrenTimeMs();
}

/** Zero where the system does not say: Node has no call for it. */
function childrenTimeMs() {
  if (process.platform !== "linux") return 0;
  // The name in parentheses may have spaces; user and system time of children are the 14th and 15th word after it.
  const words = readFileSync("/proc/self/stat", "latin1").split(") ").at(-1).split(" ");
  return (Number(words[13]) + Number(words[14])) * (1000 / TICKS_PER_SECOND);
}

/** Whether this process is the first to come to a file. */
function claim(note) {
  try {
    closeSync(openSync(note, "wx"));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** Resolves with the state of before, when the last test of the file has ended and its hooks have run. */
async function runFile(file, timeoutMs) {
  let before;
  await describe(file, { timeout: timeoutMs }, async () => {
    // Not sooner: the runner sets itself up with the first suite.
    before = processState();
    try {
      await import(pathToFileURL(path.join(ROOT, file)).href);
    } catch (error) {
      test(`${file} can be imported`, () => {
        throw error;
      });
    }
  });
  return before;
}

async function remainingChanges(before) {
  const untilMs = performance.now() + CLOSING_MS;
  for (;;) {
    const changes = changesSince(before);
    if (changes.length === 0 || performance.now() >= untilMs) return changes;
    await pause(10);
  }
}

/** What tests may change for a while and have to restore: counts and values, by what it is called. */
function processState() {
  const state = new Map();
  for (const kind of process.getActiveResourcesInfo()) {
    const what = `open resources of kind ${kind}`;
    state.set(what, (state.get(what) ?? 0) + 1);
  }
  for (const event of process.eventNames()) {
    // What tidies up when the process exits is added when it is first needed, and stays.
    if (event === "exit") continue;
    state.set(`listeners of process '${String(event)}'`, process.listenerCount(event));
  }
  for (const [name, value] of Object.entries(process.env)) state.set(`process.env.${name}`, value);
  for (const name of Object.getOwnPropertyNames(globalThis)) state.set(`globalThis.${name}`, "defined");
  state.set("the working directory", process.cwd());
  state.set("the ambient pool", ambientDispatcher());
  return state;
}

function changesSince(before) {
  const after = processState();
  const changes = [];
  for (const what of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(what), after.get(what)];
    // What was still closing when the file began may be gone.
    const closed = what.startsWith("open ") && (is ?? 0) < was;
    if (is !== was && !closed) changes.push(`${what}: ${was} before, ${is} after`);
  }
  return changes;
}
