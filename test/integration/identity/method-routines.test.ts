/** Methods as routines: on portable objects, on classes, with decorators and without. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertOutput, TSX } from "../environments/user-project.ts";
import { IMPORT, mainOf, runFiles } from "./user-files.ts";

describe("method routine", () => {
  const DECORATED = `import { portable, routine } from "merino";

@portable
export class Counter {
  constructor(public start: number) {}

  @routine
  async add(by: number) {
    return [this.start + by, this instanceof Counter, process.pid] as const;
  }

  @routine
  async *count(steps: number) {
    for (let n = 1; n <= steps; n++) yield this.start + n;
  }

  @routine
  static async zero() {
    return [this === Counter, process.pid] as const;
  }
}
`;

  test("a decorated one of a portable class runs with its receiver in the worker", async () => {
    const result = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf(
          `
          const counter = new jobs.Counter(40);
          const [sum, isCounter, pid] = await counter.add(2);
          console.log(sum, isCounter, pid !== process.pid);
          for await (const n of counter.count(2)) console.log(n);
          const [isClass, there] = await jobs.Counter.zero();
          console.log(isClass, there === pid);
          const { add } = counter as unknown as { add: { with(options: object): (this: object, by: number) => Promise<number[]> } };
          console.log((await add.with({ timeout: 10_000 }).call(counter, 3))[0]);`,
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["42 true true", "41", "42", "true true", "43"]);
  });

  test("a decorated one is found by a worker that has not loaded its class before", async () => {
    const result = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf("for await (const n of new jobs.Counter(0).count(1)) console.log(n);", "./jobs.ts"),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["1"]);
  });

  test("a static decorated one is found by a worker that has not loaded its class before", async () => {
    const result = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf("console.log((await jobs.Counter.zero())[0]);", "./jobs.ts"),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["true"]);
  });

  test("one that is decorated with experimentalDecorators runs as any other", async () => {
    const result = await runFiles(
      {
        "tsconfig.json": '{ "compilerOptions": { "experimentalDecorators": true } }',
        "jobs.ts": DECORATED,
        "main.ts": mainOf(
          `
          const counter = new jobs.Counter(40);
          const [sum, isCounter, pid] = await counter.add(2);
          console.log(sum, isCounter, pid !== process.pid);
          for await (const n of counter.count(2)) console.log(n);
          const [isClass, there] = await jobs.Counter.zero();
          console.log(isClass, there === pid);`,
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["42 true true", "41", "42", "true true"]);
  });

  const ASSIGNED = `import { portable, routine } from "merino";
export class Counter {
  constructor(start) { this.start = start; }
  async add(by) { return this.start + by; }
  static async zero() { return this === Counter; }
}
portable(Counter);
Counter.prototype.add = routine(Counter.prototype.add, { name: "Counter.add" });
Counter.zero = routine(Counter.zero, { name: "Counter.zero" });
`;

  test("one assigned to the prototype, without a decorator, runs with its receiver", async () => {
    const result = await runFiles({
      "jobs.js": ASSIGNED,
      "main.js": mainOf(
        `console.log(jobs.Counter.prototype.add.id, await new jobs.Counter(1).add(2), await jobs.Counter.zero());`,
      ),
    });

    assertOutput(result, ["program/jobs.js#Counter.add 3 true"]);
  });

  test("a receiver that does not travel is refused with the path 'this' before anything is sent", async () => {
    const result = await runFiles({
      "jobs.js": ASSIGNED.replace("portable(Counter);", ""),
      "main.js": mainOf(
        `await new jobs.Counter(1).add(2).catch((error) => console.log(error.code, error.path, pool.stats().unsettled));`,
      ),
    });

    assertOutput(result, ["ERR_MERINO_NOT_SERIALIZABLE this 0"]);
  });

  test("a receiver with a field that does not travel is refused, naming the field", async () => {
    const result = await runFiles({
      "jobs.js": ASSIGNED,
      "main.js": mainOf(
        "await new jobs.Counter(() => {}).add(2).catch((error) => console.log(error.code, error.path.endsWith('.start')));",
      ),
    });

    assertOutput(result, ["ERR_MERINO_NOT_SERIALIZABLE true"]);
  });

  test("a decorated one of a class that is not portable is refused with what to write", async () => {
    const { exitCode, stdout, stderr } = await runFiles(
      {
        "jobs.ts": DECORATED.replace("@portable", ""),
        "main.ts": mainOf(
          `await new jobs.Counter(1).add(2).catch((error: any) => console.log(error.code, error.message));`,
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_\w+ .*portable\(Counter\)/);
  });

  test("a decorated one without its object is refused with what to write", async () => {
    const { stdout } = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf(
          "const { add } = new jobs.Counter(1); await add(2).catch((error: any) => console.log(error.code, error.message));",
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assert.match(stdout, /^ERR_MERINO_ROUTINE_DECLARATION .*object\.add/);
  });

  test("one inherited by a portable subclass runs with the subclass as its receiver", async () => {
    const result = await runFiles(
      {
        "jobs.ts": `${DECORATED}
@portable
export class Double extends Counter {
  get twice() { return this.start * 2; }
  @routine async double() { return this.twice; }
}
`,
        "main.ts": mainOf(
          `
          const double = new jobs.Double(4);
          console.log((await double.add(1))[0], await double.double());`,
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["5 8"]);
  });

  test("one held by a plain object runs without a receiver", async () => {
    const result = await runFiles({
      "jobs.js": `${IMPORT} export const math = { add: routine(async function add(x, y) { return [x + y, this === undefined]; }) };`,
      "main.js": mainOf("console.log((await jobs.math.add(1, 2)).join());"),
    });

    assertOutput(result, ["3,true"]);
  });
});
