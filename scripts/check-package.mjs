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

const ALLOWED =
  /^(?:dist\/.+\.(?:js|js\.map|d\.ts)|dist\/index\.(?:d\.cts|cjs)|docs\/.+\.(?:md|svg)|examples\/.+|proto\/wire\.proto|src\/(?:codec|wire)\/README\.md|package\.json|[A-Z]+\.md|LICENSE)$/;
const REQUIRED = [
  "dist/index.js",
  "dist/index.cjs",
  "dist/index.d.ts",
  "package.json",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
];
/** Documents of which every link has to lead somewhere within the package. */
const LINKED = /^(?:README\.md|docs\/[^/]+\.md)$/;
/** What documents name as proof, and users have no need of. */
const UNPACKED = /^test\//;

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
    ...(await brokenLinks(names)),
    ...messages.map((message) => formatMessage(message, pkg, { color: false })),
  ];
  for (const problem of problems) process.stderr.write(`package: ${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
  process.stdout.write(`${filename}: ${names.length} files, ${size} bytes\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** @param names Files in the package. */
async function brokenLinks(names) {
  const targets = new Set(names.flatMap((name) => [name, ...folders(name)]));
  const problems = [];
  for (const name of names.filter((file) => LINKED.test(file))) {
    const text = await readFile(name, "utf8");
    for (const [, link] of text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)) {
      const target = path.posix.normalize(path.posix.join(path.posix.dirname(name), link));
      if (!targets.has(target.replace(/\/$/, "")) && !UNPACKED.test(target))
        problems.push(`${name} links to ${target}, which is not in the package`);
    }
  }
  return problems;
}

function folders(name) {
  const folder = path.posix.dirname(name);
  return folder === "." ? [] : [folder, ...folders(folder)];
}
