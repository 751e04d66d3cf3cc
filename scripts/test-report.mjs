/**
 * Follows the report of Node's test runner file by file: which files have not ended or ran no test, and which
 * tests were slow. Puts the slowest tests, the files that took most of the processors, the tests that were skipped and
 * everything that failed before the closing lines, so that those stay the last, and counts in them what the runner does
 * not take for a test.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** What is known about a run, in which every file is one suite at the outermost level. */
export class TestReport {
  #slowestCount;
  #costliestCount;
  #costsFile;
  #folder;
  /** Files whose end has not been reported. */
  #awaited;
  /** Names of the suites and tests that surround what is reported, outermost first. */
  #path = [];
  /** How many tests of the present file have been reported. */
  #tests = 0;
  /** The nesting of what was reported last: what follows deeper ones contains them. */
  #nesting = 0;
  #slowest = [];
  #failures = [];
  #skipped = [];
  /** Failures that the runner has not counted. */
  #uncounted = 0;

  /**
   * @param files The files of the run, as the suites are called.
   * @param options `slowest`: how many of the slowest tests are to be named; `costliest`: how many of the files that
   *   took most of the processors, which `costsFile` tells, in a line of JSON for each; `folder`: where those of the stages are.
   */
  constructor(files, { slowest, costliest, costsFile, folder }) {
    this.#awaited = new Set(files);
    this.#slowestCount = slowest;
    this.#costliestCount = costliest;
    this.#costsFile = costsFile;
    this.#folder = folder;
  }

  /** Whether the end of a file has not been reported yet. */
  awaits(file) {
    return this.#awaited.has(file);
  }

  get failed() {
    return this.#failures.length > 0;
  }

  /** Notes a failure that is not a test's. */
  fail(reason) {
    this.#uncounted += 1;
    this.#failures.push(reason);
  }

  /** Passes on the events of a run, in the order of its report, with what is added to them. */
  async *follow(events) {
    let closing = false;
    for await (const event of events) {
      const { type, data } = event;
      if (type === "test:start") this.#path[data.nesting] = data.name;
      if (type === "test:pass" || type === "test:fail") this.#take(type, data);
      const [, count, number] = /^(tests|fail) (\d+)$/.exec(data.message ?? "") ?? [];
      if (type !== "test:diagnostic" || data.nesting !== 0 || count === undefined) {
        yield event;
        continue;
      }
      if (!closing) for (const message of this.#close()) yield { type, data: { ...data, message } };
      closing = true;
      yield { type, data: { ...data, message: `${count} ${Number(number) + this.#uncounted}` } };
    }
  }

  #take(type, { name, nesting, details, todo, skip }) {
    const place = [...this.#path.slice(0, nesting), name].join(" > ");
    const isFile = nesting === 0 && this.#awaited.has(name);
    const isSuite = details.type === "suite";
    const contains = this.#nesting > nesting;
    this.#nesting = isFile ? 0 : nesting;
    if (!isSuite) this.#tests += 1;
    if (skip !== undefined) this.#skipped.push(typeof skip === "string" ? `${place}: ${skip}` : place);
    else if (!isSuite && !contains && nesting > 0) this.#rank(place, details.duration_ms);
    const failure = details.error?.failureType;
    // What contains a failure has not failed by itself.
    if (type === "test:fail" && todo === undefined && failure !== "subtestsFailed") {
      if (isSuite) this.fail(`${place}: ${details.error?.message}`);
      else this.#failures.push(place);
    }
    if (!isFile) return;
    this.#awaited.delete(name);
    if (this.#tests === 0) this.fail(`${name} ran no test`);
    this.#tests = 0;
  }

  #rank(name, durationMs) {
    this.#slowest.push({ name, durationMs });
    this.#slowest.sort((a, b) => b.durationMs - a.durationMs);
    this.#slowest.length = Math.min(this.#slowest.length, this.#slowestCount);
  }

  /** What is said before the closing lines. */
  #close() {
    for (const file of this.#awaited) this.fail(`${file} did not run to its end`);
    return [
      ...this.#slowest.map(({ name, durationMs }) => `slowest: ${Math.round(durationMs)} ms ${name}`),
      ...this.#costs(),
      ...this.#skipped.map((name) => `skips: ${name}`),
      ...this.#failures.map((reason) => `failed: ${reason}`),
    ];
  }
  /** The files that took most processor time, and what those of each stage took. */
  #costs() {
    if (this.#costliestCount === 0 || !existsSync(this.#costsFile)) return [];
    const lines = readFileSync(this.#costsFile, "utf8").trim().split("\n");
    const costs = lines.map((line) => JSON.parse(line)).sort((a, b) => b.ms - a.ms);
    const stages = new Map();
    for (const { file, ms } of costs) {
      const [stage] = path.relative(this.#folder, file).split(path.sep);
      stages.set(stage, (stages.get(stage) ?? 0) + ms);
    }
    return [
      ...costs.slice(0, this.#costliestCount).map(({ file, ms }) => `processor time: ${seconds(ms)} ${file}`),
      `processor time: ${[...stages].map(([stage, ms]) => `${seconds(ms)} ${stage}`).join(", ")}`,
    ];
  }
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}
