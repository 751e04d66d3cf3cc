/** Which module a command line starts. */
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { entryModule } from "../../../../src/process/launch/entry-module.ts";
import { temporaryPackage } from "../../../support/temporary-package.ts";

const FILES = {
  "package.json": '{ "name": "program", "main": "lib/start.js" }',
  "lib/start.js": "",
  "main.mjs": "",
  "tool/index.js": "",
  "with space #.cjs": "",
};

const NAMED: Readonly<Record<string, string>> = {
  "main.mjs": "main.mjs",
  ".": "lib/start.js",
  tool: "tool/index.js",
  "lib/start": "lib/start.js",
  link: "main.mjs",
  "with space #.cjs": "with space #.cjs",
};

for (const [argument, file] of Object.entries(NAMED)) {
  test(`entryModule finds ${file} for 'node ${argument}'`, () => {
    using program = temporaryPackage(FILES);
    symlinkSync(program.path("main.mjs"), program.path("link"));

    const named = entryModule({ argv: ["node", argument], execArgv: [], cwd: program.directory });
    const absolute = entryModule({ argv: ["node", program.path(argument)], execArgv: [], cwd: "/" });

    assert.equal(named, program.url(file));
    assert.equal(absolute, program.url(file));
  });
}

test("entryModule takes a URL", () => {
  using program = temporaryPackage(FILES);

  const entry = entryModule({ argv: ["node", program.url("main.mjs")], execArgv: ["--entry-url"], cwd: "/" });

  assert.equal(entry, program.url("main.mjs"));
});

test("entryModule finds none for code without a file", () => {
  using program = temporaryPackage(FILES);
  const cwd = program.directory;

  for (const [argv, execArgv] of [
    [["node"], []],
    [["node", "-"], []],
    [["node", "-", "main.mjs"], []],
    [
      ["node", "main.mjs"],
      ["-e", "1"],
    ],
    [
      ["node", "main.mjs"],
      ["--print", "1"],
    ],
    [["node", "missing.mjs"], []],
  ] as const) {
    assert.equal(entryModule({ argv, execArgv, cwd }), undefined, argv.join(" "));
  }
});

test("entryModule finds the program that runs it", () => {
  assert.equal(entryModule(), pathToFileURL(process.argv[1] ?? "").href);
});
