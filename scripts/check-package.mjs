/**
 * Packs the package as npm would publish it and checks the tarball: only what users need is in it, and its entry
 * points resolve. Needs `dist/`; whether the package works is for `test/integration/packed-package.test.ts`.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { runOrThrow } from "./command.mjs";

const ALLOWED = /^(?:dist\/.+\.(?:js|js\.map|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
const REQUIRED = ["dist/index.js", "dist/index.d.ts", "package.json", "README.md", "LICENSE", "CHANGELOG.md"];

const folder = await mkdtemp(path.join(tmpdir(), "merino-package-"));
try {
  const pack = ["pack", "--ignore-scripts", "--json", "--silent", "--pack-destination", folder];
  const listing = await runOrThrow("npm", pack, { capture: true });
  // npm warns about its user's own configuration in the same breath.
  const [{ filename, files, size }] = JSON.parse(listing.slice(listing.indexOf("[\n")));
  const names = files.map((file) => file.path);
  const { buffer, byteOffset, byteLength } = await readFile(path.join(folder, filename));
  const tarball = buffer.slice(byteOffset, byteOffset + byteLength);
  const { messages, pkg } = await publint({ strict: true, pack: { tarball } });

  const problems = [
    ...names.filter((name) => !ALLOWED.test(name)).map((name) => `${name} does not belong into the package`),
    ...REQUIRED.filter((name) => !names.includes(name)).map((name) => `${name} is missing from the package`),
    ...messages.map((message) => formatMessage(message, pkg, { color: false })),
  ];
  for (const problem of problems) process.stderr.write(`package: ${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
  process.stdout.write(`${filename}: ${names.length} files, ${size} bytes\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
