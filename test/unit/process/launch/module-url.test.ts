import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { moduleUrl } from "../../../../src/process/launch/module-url.ts";

const ACCEPTED: readonly (readonly [string | URL, string])[] = [
  ["jobs.js", pathToFileURL(join(process.cwd(), "jobs.js")).href],
  ["./a b/jobs.ts", pathToFileURL(join(process.cwd(), "a b/jobs.ts")).href],
  ["/srv/jobs.js", "file:///srv/jobs.js"],
  ["file:///srv/jobs.js", "file:///srv/jobs.js"],
  [new URL("file:///srv/jobs.js"), "file:///srv/jobs.js"],
];

for (const [module, url] of ACCEPTED) {
  test(`moduleUrl makes a file URL of ${String(module)}`, () => {
    assert.equal(moduleUrl("modules", module), url);
  });
}

for (const module of [
  "",
  "node:fs",
  "https://example.com/jobs.js",
  "data:text/javascript,1",
  "a\0b",
  1,
  null,
  {},
]) {
  test(`moduleUrl refuses ${JSON.stringify(module)}`, () => {
    assert.throws(
      () => moduleUrl("modules", module),
      (error: unknown) => error instanceof InvalidOptionError && error.option === "modules",
    );
  });
}
