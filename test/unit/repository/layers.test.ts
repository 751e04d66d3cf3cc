/**
 * The layer rule of the linter's configuration: it covers every folder of `src/`, refuses every import that does
 * not point down, whichever way it is written, and lets those through that do. The order is stated here a second
 * time on purpose; the configuration cannot be its own witness.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ROOT } from "../../support/repository.ts";

/** Folders of `src/` from the lowest level to the highest. */
const LEVELS: readonly (readonly string[])[] = [
  ["internal"],
  ["errors"],
  ["identity"],
  ["codec", "wire", "context", "telemetry"],
  ["session", "routine"],
  ["transport", "credentials"],
  ["discovery", "balancer"],
  ["client", "worker", "process"],
  ["pool", "host"],
  ["cli", "testing"],
];

const levelOf = new Map(
  LEVELS.flatMap((folders, level) => folders.map((folder) => [folder, level] as const)),
);
const pairs = [...levelOf].flatMap(([from, level]) =>
  [...levelOf].filter(([to]) => to !== from).map(([to, other]) => ({ from, to, allowed: other < level })),
);

test("layers name every folder of src", async () => {
  const entries = await readdir(path.join(ROOT, "src"), { withFileTypes: true });

  const unknown = entries.filter((entry) => entry.isDirectory() && !levelOf.has(entry.name));

  assert.deepEqual(
    unknown.map(({ name }) => name),
    [],
  );
  assert.notEqual(entries.length, 0);
});

test("layers refuse every import that does not point down and no other", async () => {
  await using project = await createProject();
  for (const { from, to } of pairs) {
    await project.write(`src/${from}/to-${to}.ts`, `import { value } from "../${to}/value.ts";\n${USE}`);
  }

  const { refused, checked } = await project.lint();

  const expected = pairs.filter(({ allowed }) => !allowed).map(({ from, to }) => `src/${from}/to-${to}.ts`);
  assert.deepEqual([...refused.keys()].sort(), expected.sort());
  assert.ok(expected.length > 100, `${expected.length} pairs`);
  assert.equal(checked, pairs.length);
});

test("layers see an upward import in every form it can be written", async () => {
  const forms = {
    "side-effect": `import "../client/value.ts";`,
    "type-only": `import type { Value } from "../client/value.ts";\n${USE}`,
    "inline-type": `import { type Value, value } from "../client/value.ts";\n${USE}`,
    "re-export": `export { value } from "../client/value.ts";`,
    "type-re-export": `export type { Value } from "../client/value.ts";`,
    dynamic: `export const load = (): Promise<unknown> => import("../client/value.ts");`,
    door: `import { value } from "../index.ts";\n${USE}`,
    package: `import { value } from "merino";\n${USE}`,
    subpath: `import { value } from "merino/testing";\n${USE}`,
  };
  await using project = await createProject();
  for (const [form, source] of Object.entries(forms)) await project.write(`src/worker/${form}.ts`, source);
  await project.write("src/worker/nested/deep.ts", `import { value } from "../../client/value.ts";\n${USE}`);

  const { refused } = await project.lint();

  const files = [...Object.keys(forms), "nested/deep"].map((name) => `src/worker/${name}.ts`);
  assert.deepEqual([...refused.keys()].sort(), files.sort());
});

// The linter's rule does not look into `import("…")` where it stands for a type.
test("sources name no module of their own by an import type", async () => {
  const files = await readdir(path.join(ROOT, "src"), { recursive: true });
  const sources = files.filter((file) => file.endsWith(".ts"));

  const found: string[] = [];
  for (const file of sources) {
    const text = await readFile(path.join(ROOT, "src", file), "utf8");
    if (/\btypeof import\("\.|\bimport\("\.[^"]*"\)\.[A-Z]/.test(text)) found.push(file);
  }

  assert.deepEqual(found, []);
  assert.ok(sources.length > 20, `${sources.length} sources`);
});

test("linter refuses a cycle of type-only imports", async () => {
  await using project = await createProject();
  await project.write(
    "src/codec/hen.ts",
    `import type { Egg } from "./egg.ts";\nexport interface Hen { egg: Egg }`,
  );
  await project.write(
    "src/codec/egg.ts",
    `import type { Hen } from "./hen.ts";\nexport interface Egg { hen: Hen }`,
  );

  const { output } = await project.lint("suspicious/noImportCycles");

  assert.equal(output.match(/lint\/suspicious\/noImportCycles/g)?.length, 2, output);
});

const USE = "export const used: unknown = value;";

interface Project extends AsyncDisposable {
  write(file: string, source: string): Promise<void>;
  /** Runs one rule; `refused` counts its diagnostics by file. */
  lint(rule?: string): Promise<{ refused: Map<string, number>; checked: number; output: string }>;
}

/** An empty project with the repository's own linter configuration, in a temporary folder. */
async function createProject(): Promise<Project> {
  const folder = await mkdtemp(path.join(tmpdir(), "merino-layers-"));
  await cp(path.join(ROOT, "biome.json"), path.join(folder, "biome.json"));
  return {
    async write(file, source) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), `${source}\n`);
    },
    async lint(rule = "style/noRestrictedImports") {
      const output = await runBiome(folder, [
        "lint",
        `--only=${rule}`,
        "--reporter=concise",
        "--max-diagnostics=none",
        "src",
      ]);
      const refused = new Map<string, number>();
      for (const [, file = ""] of output.matchAll(
        /^. (src\/\S+?):\d+:\d+: lint\/style\/noRestrictedImports/gm,
      )) {
        refused.set(file, (refused.get(file) ?? 0) + 1);
      }
      return { refused, checked: Number(/Checked (\d+) files?/.exec(output)?.[1] ?? 0), output };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

function runBiome(folder: string, parameters: readonly string[]): Promise<string> {
  const biome = path.join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  return new Promise((resolve) => {
    execFile(process.execPath, [biome, ...parameters], { cwd: folder }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}
