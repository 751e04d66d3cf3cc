/**
 * Each check of `npm run check` that could be content with having seen nothing is shown what it has to find, in a
 * copy of the repository: the configuration that is tried is the one that counts.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { listFiles, ROOT, readLayers } from "../support/repository.ts";

const layers = await readLayers();

/** What is added, by file, and what has to be said about it, by check. */
const BREACHES: readonly {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly found: Readonly<Record<string, RegExp>>;
}[] = [
  {
    what: "a promise that nobody awaits",
    files: {
      "src/internal/float.ts":
        "export async function save(): Promise<void> {}\nexport function run(): void {\n  save();\n}\n",
    },
    found: { lint: /float\.ts:3:3 lint\/nursery\/noFloatingPromises/ },
  },
  {
    what: "a timer that tests could not move",
    files: {
      "src/internal/timer.ts": "export const later = (run: () => void): unknown => setTimeout(run, 5);\n",
    },
    found: { lint: /timer\.ts:1:\d+ lint\/style\/noRestrictedGlobals/ },
  },
  {
    what: "a time that is measured by the system's clock",
    files: {
      "src/internal/since.ts": "export const sinceMs = (atMs: number): number => Date.now() - atMs;\n",
    },
    found: { lint: /since\.ts:1:\d+ lint\/style\/noRestrictedGlobals/ },
  },
  {
    what: "a cycle of types",
    files: {
      "src/codec/hen.ts": 'import type { Egg } from "./egg.ts";\nexport interface Hen {\n  egg: Egg;\n}\n',
      "src/codec/egg.ts": 'import type { Hen } from "./hen.ts";\nexport interface Egg {\n  hen: Hen;\n}\n',
    },
    found: { layers: /error cycles: src\/codec\/(?:hen|egg)\.ts →/ },
  },
  {
    what: "a folder that has no place among the layers",
    files: {
      "src/nowhere/thing.ts": "export const thing = 1;\n",
      "src/cli/uses.ts": 'import "../nowhere/thing.ts";\n',
    },
    found: {
      layers: /error layers: a folder without a place[^\n]*: src\/cli\/uses\.ts → src\/nowhere\/thing\.ts/,
    },
  },
  {
    what: "a file of more than 400 lines, and a folder of more than a dozen files",
    files: {
      "src/internal/long.ts": "// one\n".repeat(401),
      ...Object.fromEntries(Array.from({ length: 13 }, (_, n) => [`src/wire/many/file-${n}.ts`, ""])),
    },
    found: { sizes: /long\.ts has 401 lines[\s\S]*src\/wire\/many has 13 files/ },
  },
  {
    what: "a file that nothing loads, an export that nothing uses, and one that only tests use",
    files: {
      "src/internal/forgotten.ts": "export const forgotten = 1;\n",
      "src/internal/time/clock.ts": "export const unused = 2;\nexport const onlyTested = 3;\n",
      "test/unit/internal/only.test.ts":
        'import assert from "node:assert/strict";\nimport { test } from "node:test";\n' +
        'import { onlyTested } from "../../../src/internal/time/clock.ts";\n' +
        'test("onlyTested is three", () => assert.equal(onlyTested, 3));\n',
    },
    found: {
      layers: /error orphans: .*src\/internal\/forgotten\.ts/,
      unused: /Unused files[\s\S]*forgotten\.ts[\s\S]*\nunused +src[\s\S]*\nonlyTested +src/,
    },
  },
  {
    what: "a public symbol, and a member of one, without a documentation comment",
    files: {
      "src/index.ts": 'export { type Bare, bare } from "./internal/bare.ts";\n',
      "src/internal/bare.ts":
        "/** It is. */\nexport interface Bare {\n  member: number;\n}\nexport const bare = 4;\n",
    },
    found: { documented: /Bare\.member \(src.*\) has no[\s\S]*bare \(src.*\) has no/ },
  },
  {
    what: "a document that contradicts the command's help",
    files: { "docs/cli.md": "There is also `merino dance`.\n" },
    found: { docs: /docs\/cli\.md is out of date/ },
  },
  {
    what: "TypeScript that does not compile, and a link that leads nowhere",
    files: {
      "docs/README.md": '\n```ts\nconst count: number = "three";\n```\n\n[There](nowhere.md) is nothing.\n',
    },
    found: { documents: /README\.md\/block-1\.ts\(1,7\): error TS2322[\s\S]*README\.md: nowhere\.md/ },
  },
  {
    what: "a fault whose test does not exist, and one without a test",
    files: {
      "docs/reliability.md":
        "\n| **Rain** | | | | [stays dry](../test/integration/worker-loss.test.ts) |\n| **Snow** | | | | none |\n",
    },
    found: { reliability: /Rain\*\*: no 'stays dry' in test[\s\S]*Snow\*\*: no test/ },
  },
  {
    what: "an example in a comment that gives something else",
    files: {
      "src/wire/version.ts":
        "/**\n * @example\n * parseVersion(1).major; // => 2\n */\nexport const example = 5;\n",
    },
    found: { examples: /error TS2345[\s\S]*/ },
  },
  {
    what: "a type test whose refusal is none",
    files: { "test/types/none.ts": "// @ts-expect-error: it is one\nexport const one: number = 1;\n" },
    found: { types: /none\.ts\(1,1\): error TS2578/ },
  },
];

/** A folder that knows less than its line would allow it. */
const DOOR = "opentelemetry";
const BEHIND_DOOR: readonly string[] = ["telemetry", "errors", "internal"];

/** Every way to write an import from above. */
const UPWARD = {
  "side-effect": `import "../client/worker-proxy.ts";`,
  "type-only": `export type { WorkerProxy } from "../client/worker-proxy.ts";`,
  "inline-type": `import { type WorkerProxy } from "../client/worker-proxy.ts";\nexport type Used = WorkerProxy;`,
  "re-export": `export { WorkerProxy } from "../client/worker-proxy.ts";`,
  "import-type": `export type Used = import("../client/worker-proxy.ts").WorkerProxy;`,
  dynamic: `export const load = (): Promise<unknown> => import("../client/worker-proxy.ts");`,
  door: `export { WorkerProxy } from "../index.ts";`,
  package: `export { WorkerProxy } from "merino";`,
  tests: `export { eventually } from "../../test/support/eventually.ts";`,
};

describe("npm run check", async () => {
  const output = await checkBroken();

  for (const { what, found } of BREACHES) {
    test(`finds ${what}`, () => {
      for (const [check, message] of Object.entries(found)) {
        assert.match(output, new RegExp(`^FAIL ${check} `, "m"));
        assert.match(output, message);
      }
    });
  }

  test("finds an import from above in every form it can be written", () => {
    const found = new Set(
      [...output.matchAll(/error [^\n]*: src\/worker\/from-(\S+)\.ts → /g)].map(([, form = ""]) => form),
    );
    assert.deepEqual([...found].sort(), Object.keys(UPWARD).sort());
  });

  test("finds an import from above, or from beside, in every folder", () => {
    const expected: string[] = [];
    for (const [from, to] of pairs()) {
      const isBelow = lineOf(to) > lineOf(from);
      if (!isBelow || (from === DOOR && !BEHIND_DOOR.includes(to))) expected.push(`${from}/to-${to}.ts`);
    }

    const found = new Set(
      [...output.matchAll(/error [^\n]*: src\/(\w+\/to-\w+\.ts) → /g)].map(([, file]) => file),
    );

    assert.deepEqual([...found].sort(), expected.sort());
    assert.ok(expected.length > 50, `${expected.length} pairs`);
  });
});

function lineOf(folder: string): number {
  return layers.findIndex((line) => line.includes(folder));
}

/** Pairs of folders that differ. */
function pairs(): (readonly [string, string])[] {
  const folders = layers.flat().filter((name) => !name.endsWith(".ts"));
  return folders.flatMap((from) => folders.filter((to) => to !== from).map((to) => [from, to] as const));
}

/** Breaks a copy of the repository in every way, and returns what the checks print. */
async function checkBroken(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "merino-checks-"));
  try {
    for (const file of await listFiles()) await cp(path.join(ROOT, file), path.join(folder, file));
    for (const name of ["node_modules", "dist"])
      await symlink(path.join(ROOT, name), path.join(folder, name));
    const add = async (file: string, text: string): Promise<void> => {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await appendFile(path.join(folder, file), text);
    };
    for (const { files } of BREACHES) for (const [file, text] of Object.entries(files)) await add(file, text);
    for (const [form, source] of Object.entries(UPWARD))
      await add(`src/worker/from-${form}.ts`, `${source}\n`);
    for (const [from, to] of pairs()) {
      await add(`src/${to}/target.ts`, "");
      await add(`src/${from}/to-${to}.ts`, `import "../${to}/target.ts";\n`);
    }
    const checks = new Set(["layers", ...BREACHES.flatMap(({ found }) => Object.keys(found))]);
    return await run(folder, [path.join(folder, "scripts/check.mjs"), ...checks]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function run(folder: string, command: readonly string[]): Promise<string> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      command,
      { cwd: folder, env: { ...env, NO_COLOR: "1" }, maxBuffer: 1 << 26 },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    );
  });
}
