/**
 * What the documents claim: their TypeScript compiles against the sources, their links lead somewhere, and nothing
 * in the repository is bound to the machine it was written on. What the quick start prints is for
 * `test/integration/packed-package.test.ts`.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { listFiles, ROOT, readCodeBlocks, readLayers } from "../support/repository.ts";

const documents = (await listFiles()).filter((file) => file.endsWith(".md"));

test("documents include the ones every reader looks for", () => {
  for (const name of ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/errors.md"]) {
    assert.ok(documents.includes(name), name);
  }
});

test("documents contain only TypeScript that compiles", async (context) => {
  const folder = await mkdtemp(path.join(tmpdir(), "merino-documents-"));
  try {
    let blocks = 0;
    for (const document of documents) {
      for (const { file, source } of readCodeBlocks(await readFile(path.join(ROOT, document), "utf8"))) {
        const target = path.join(folder, document, file);
        await mkdir(path.dirname(target), { recursive: true });
        await writeFile(target, source);
        blocks += 1;
      }
    }
    await writeFile(path.join(folder, "package.json"), JSON.stringify({ name: "documents", type: "module" }));
    await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
    await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify(compilerConfiguration()));

    const output = await compile(folder);

    // The sources are compiled along; their errors are for the compiler's own run to report.
    const errors = output.split("\n").filter((line) => /^\S+\.md[/\\]/.test(line));
    context.diagnostic(`looked at ${blocks} blocks`);
    assert.deepEqual(errors, []);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("documents link only to files and headings that exist", async (context) => {
  const broken: string[] = [];
  let links = 0;
  for (const document of documents) {
    const text = withoutCode(await readFile(path.join(ROOT, document), "utf8"));
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      links += 1;
      const [file = "", anchor] = target.split("#");
      const linked = path.join(ROOT, file === "" ? document : path.join(path.dirname(document), file));
      const found = await access(linked).then(
        async () => anchor === undefined || headingAnchors(await readFile(linked, "utf8")).has(anchor),
        () => false,
      );
      if (!found) broken.push(`${document}: ${target}`);
    }
  }

  context.diagnostic(`looked at ${links} links`);
  assert.deepEqual(broken, []);
});

test("ARCHITECTURE.md draws the layers that are checked", async (context) => {
  const text = await readFile(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const [, drawing = ""] = /^## Layers$[^#]*?^```\n([\s\S]*?)^```/m.exec(text) ?? [];
  const layers = await readLayers();
  const names = new Set(layers.flat());

  const drawn = drawing
    .split("\n")
    .map((line) => line.split(/ {2,}/).filter((word) => names.has(word)))
    .filter((line) => line.length > 0);

  context.diagnostic(`looked at ${drawn.length} lines`);
  assert.deepEqual(drawn, layers);
});

test("files name no folder of the machine they were written on", async (context) => {
  const folders = [ROOT, homedir()].filter((folder) => folder.split(path.sep).length > 2);
  const found: string[] = [];
  const files = await listFiles();
  for (const file of files) {
    const text = await readFile(path.join(ROOT, file), "utf8");
    if (folders.some((folder) => text.includes(folder))) found.push(file);
  }

  context.diagnostic(`looked at ${files.length} files`);
  assert.deepEqual(found, []);
});

test("package-lock.json records no download address", async (context) => {
  const lock: unknown = JSON.parse(await readFile(path.join(ROOT, "package-lock.json"), "utf8"));

  const { packages } = lock as { packages: Record<string, { resolved?: string }> };
  const resolved = Object.keys(packages).filter((name) => packages[name]?.resolved !== undefined);
  context.diagnostic(`looked at ${Object.keys(packages).length} packages`);
  assert.deepEqual(resolved, []);
});

test("package.json has at most sixteen scripts, and each runs a file that exists", async (context) => {
  const { scripts } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };

  const files = Object.values(scripts).flatMap((command) => /\S+\.(?:mjs|ts)\b/.exec(command) ?? []);

  assert.ok(Object.keys(scripts).length <= 16, `${Object.keys(scripts).length} scripts`);
  context.diagnostic(`looked at ${files.length} files`);
  for (const file of files) await access(path.join(ROOT, file));
});

/** The repository's own compiler settings, without those that are for library code. */
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
    include: ["**/*.ts"],
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

function withoutCode(text: string): string {
  return text.replace(/^( *)(```|~~~)[\s\S]*?^\1\2/gm, "").replace(/`[^`\n]*`/g, "code");
}

/** Anchors as GitHub makes them from headings. */
function headingAnchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .trim()
        .toLowerCase()
        .replace(/[^\p{Letter}\p{Mark}\p{Number}\p{Connector_Punctuation} -]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
