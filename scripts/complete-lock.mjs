/**
 * Completes `package-lock.json` with the optional packages of other platforms that the registry in use
 * does not carry. npm leaves them out when it cannot fetch their descriptions, and `npm ci` then refuses
 * the lock file. Versions are exact in the packages that name them; platforms follow from the names.
 */
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../package-lock.json", import.meta.url);
const OS = [
  "android",
  "darwin",
  "freebsd",
  "linux",
  "openbsd",
  "netbsd",
  "openharmony",
  "sunos",
  "aix",
  "win32",
];
const CPU = [
  "arm64",
  "arm",
  "armv7",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];

const lock = JSON.parse(readFileSync(FILE, "utf8"));
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (find(path, name) !== undefined) continue;
    const version = range.replace(/^[\^~]/, "");
    const words = name.slice(name.indexOf("/") + 1).split("-");
    const os = OS.find((word) => words.includes(word));
    const cpu = CPU.findLast((word) => words.includes(word));
    if (os === undefined || cpu === undefined) {
      console.error(`Cannot tell the platform of the optional package '${name}'; it is left out`);
      process.exitCode = 1;
      continue;
    }
    const libc = words.some((word) => word.startsWith("musl"))
      ? ["musl"]
      : words.some((word) => word.startsWith("gnu")) && os === "linux"
        ? ["glibc"]
        : undefined;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu === "armv7" ? "arm" : cpu],
      ...(entry.dev === true ? { dev: true } : {}),
      ...(libc === undefined ? {} : { libc }),
      optional: true,
      os: [os],
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a === "" ? -1 : b === "" ? 1 : a < b ? -1 : 1)),
);
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages of other platforms added to package-lock.json`);

/** Looks a dependency up as Node would, from the package at `path` upwards. */
function find(path, name) {
  for (let base = path; ; base = base.slice(0, Math.max(0, base.lastIndexOf("node_modules/") - 1))) {
    const candidate = base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (lock.packages[candidate] !== undefined) return lock.packages[candidate];
    if (base === "") return undefined;
  }
}
