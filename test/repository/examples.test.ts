/**
 * What the docstrings of public symbols show: every `@example` compiles against the sources, and where a line says
 * what it gives (`// => …`), it gives that.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import * as merino from "../../src/index.ts";
import { ROOT } from "../support/repository.ts";

/** What examples may use without declaring it, besides the names of the package. */
const GIVEN: Readonly<Record<string, string>> = {
  add: 'import { add } from "./add.ts";',
  pool: "declare const pool: import('merino').WorkerPool;",
};
const ADD =
  'import { routine } from "merino";\n' +
  "export const add = routine(async function add(x: number, y: number) { return x + y; });\n";

interface Example {
  /** Where it stands, for example `wire/version.ts:33`. */
  readonly place: string;
  readonly source: string;
}

const examples = await readPublicExamples();

test("examples of public symbols compile", async (context) => {
  await using folder = await temporaryFolder();
  await folder.write("add.ts", ADD);
  const files: string[] = [];
  for (const { place, source } of examples) {
    const file = `${place.replace(/\.ts:/, "-")}.ts`.replaceAll("/", "-");
    await folder.write(file, `${preamble(source)}\n${source}\nexport {};\n`);
    files.push(file);
  }
  await folder.write("tsconfig.json", JSON.stringify(compilerConfiguration()));

  const output = await compile(folder.path);

  context.diagnostic(`looked at ${files.length} examples`);
  // The sources are compiled along; their errors are for the compiler's own run to report.
  assert.deepEqual(
    output.split("\n").filter((line) => files.some((file) => line.startsWith(`${file}(`))),
    [],
  );
});

test("examples of public symbols give what they say", async (context) => {
  await using folder = await temporaryFolder();
  const claims = examples.flatMap(({ place, source }) =>
    [...source.matchAll(/^(.+); \/\/ => (.+)$/gm)].map(([, expression = "", value = ""]) => ({
      place,
      expression,
      value,
    })),
  );
  const index = pathToFileURL(path.join(ROOT, "src/index.ts")).href;
  const checks = claims.map(
    ({ place, expression, value }) =>
      `assert.deepEqual(${expression}, ${value}, ${JSON.stringify(`${place}: ${expression}`)});`,
  );
  const used = names(checks.join("\n"));
  const program = `import assert from "node:assert/strict";\nimport { ${used.join(", ")} } from "${index}";\n`;
  await folder.write("claims.ts", program + checks.join("\n"));

  await import(pathToFileURL(path.join(folder.path, "claims.ts")).href);

  context.diagnostic(`looked at ${claims.length} claims`);
});

/** The examples in the files that the doors export from, and in the one that is a door itself. */
async function readPublicExamples(): Promise<Example[]> {
  const files = new Set(["opentelemetry/register.ts"]);
  for (const door of ["index.ts", "opentelemetry/index.ts"]) {
    const text = await readFile(path.join(ROOT, "src", door), "utf8");
    for (const [, file = ""] of text.matchAll(/from "\.\/([^"]+)"/g))
      files.add(path.join(path.dirname(door), file));
  }
  const found: Example[] = [];
  for (const file of files) {
    const text = await readFile(path.join(ROOT, "src", file), "utf8");
    for (const match of text.matchAll(/^ *\* @example\n((?: *\*(?!\/).*\n)+)/gm)) {
      const line = text.slice(0, match.index).split("\n").length;
      // A block ends with the docstring or at the next tag.
      const [body = ""] = (match[1] ?? "").replace(/^ *\* ?/gm, "").split(/^@/m);
      found.push({ place: `${file}:${line}`, source: body });
    }
  }
  return found;
}

/** Imports and declarations of what the example uses and does not declare. */
function preamble(source: string): string {
  const given = Object.keys(GIVEN).filter((name) => isFree(name, source));
  return [`import { ${names(source).join(", ")} } from "merino";`, ...given.map((name) => GIVEN[name])].join(
    "\n",
  );
}

/** Names of the package that occur in the source without being declared there. */
function names(source: string): string[] {
  return Object.keys(merino).filter((name) => isFree(name, source));
}

function isFree(name: string, source: string): boolean {
  const declared = new RegExp(`\\b(?:const|let|using|class|function) ${name}\\b`).test(source);
  return !declared && new RegExp(`(?<!\\.)\\b${name}\\b`).test(source);
}

function compilerConfiguration(): object {
  return {
    extends: path.join(ROOT, "tsconfig.json"),
    compilerOptions: {
      paths: {
        merino: [path.join(ROOT, "src/index.ts")],
        "merino/*": [path.join(ROOT, "src/*/index.ts"), path.join(ROOT, "src/*.ts")],
      },
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ["*.ts"],
  };
}

function compile(folder: string): Promise<string> {
  const tsc = path.join(ROOT, "node_modules/typescript/bin/tsc");
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { cwd: folder }, (_error, stdout) =>
      resolve(stdout),
    );
  });
}

interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  write(file: string, text: string): Promise<void>;
}

async function temporaryFolder(): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(tmpdir(), "merino-examples-"));
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  await writeFile(path.join(folder, "package.json"), JSON.stringify({ name: "examples", type: "module" }));
  return {
    path: folder,
    async write(file, text) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), text);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
