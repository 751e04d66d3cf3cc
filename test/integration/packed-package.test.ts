/**
 * The package as a user gets it: packed as npm publishes it, unpacked into the `node_modules` of an empty project,
 * with the README's quick start copied from the page, run as the page says. Needs `dist/`, which `npm test` builds.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { promisify } from "node:util";
import { ROOT, readCodeBlocks } from "../support/repository.ts";

const execute = promisify(execFile);

/** Where the package is packed, once for all tests: npm takes longer than most of them. */
let packedIn = "";

before(async () => {
  await access(path.join(ROOT, "dist/index.js"));
  packedIn = await mkdtemp(path.join(tmpdir(), "merino-packed-"));
  await execute("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", packedIn], {
    cwd: ROOT,
  });
});

after(() => rm(packedIn, { recursive: true }));

/** What the quick start prints: a sum computed by a worker, then three streamed numbers. */
const EXPECTED = "3\n3\n2\n1\n";

test("packed package runs the quick start of the README under tsx", async () => {
  await using project = await createUserProject();

  const { stdout, stderr } = await execute(process.execPath, ["--import", "tsx", "main.ts"], project);

  assert.deepEqual({ stdout, stderr }, { stdout: EXPECTED, stderr: "" });
});

test("packed package has declarations that compile in a strict project", async () => {
  await using project = await createUserProject();
  const compilerOptions = {
    target: "es2023",
    lib: ["es2024", "esnext.disposable"],
    module: "nodenext",
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: false,
    types: ["node"],
  };
  await writeFile(
    path.join(project.cwd, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["main.ts"] }),
  );
  const tsc = path.join(ROOT, "node_modules/typescript/bin/tsc");

  const { stdout } = await execute(process.execPath, [tsc, "-p", "."], project);

  assert.equal(stdout, "");
});

test("packed package runs the quick start with the tsconfig.json of the README, which the compiler accepts", async () => {
  await using project = await createUserProject();
  const readme = await readFile(path.join(ROOT, "README.md"), "utf8");
  const [, config = ""] = /^```json\n\/\/ tsconfig\.json\n(.*?)^```$/ms.exec(readme) ?? [];
  await writeFile(path.join(project.cwd, "tsconfig.json"), config);

  const compiled = await execute(
    process.execPath,
    [path.join(ROOT, "node_modules/typescript/bin/tsc")],
    project,
  );
  const run = await execute(process.execPath, ["--import", "tsx", "main.ts"], project);

  assert.equal(compiled.stdout, "");
  assert.deepEqual({ ...run }, { stdout: EXPECTED, stderr: "" });
});

test("packed package finds its listener thread, from a pool's worker and from the command", async () => {
  await using project = await createUserProject();
  await writeFile(path.join(project.cwd, "sums.js"), SUMS);
  await writeFile(path.join(project.cwd, "network.js"), NETWORK);

  const { stdout, stderr } = await execute(process.execPath, ["network.js"], project);

  assert.equal(stdout, "pool 3\ncommand 3\n", stderr);
});

test("packed package has its doors to OpenTelemetry, and says what to install without it", async () => {
  await using project = await createUserProject();
  const run = () => {
    const flags = ["--import", "tsx", "--import", "merino/opentelemetry/register"];
    return execute(process.execPath, [...flags, "main.ts"], {
      ...project,
      env: { ...process.env, ...NOWHERE },
    });
  };

  const without = await run();
  await linkModules(project.cwd, ["@opentelemetry/api", "@opentelemetry/sdk-node"]);
  const withBoth = await run();

  assert.equal(without.stdout, EXPECTED);
  assert.deepEqual(
    [...without.stderr.matchAll(/\[MERINO_OPENTELEMETRY\] .*npm install @opentelemetry\/api/g)].length,
    1,
    without.stderr,
  );
  assert.deepEqual({ ...withBoth }, { stdout: EXPECTED, stderr: "" });
});

/** With an SDK that sends nothing. */
const NOWHERE = { OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none" };

const SUMS = `import { routine } from "merino";
export const add = routine(async function add(x, y) { return x + y; });
`;

/** Calls a worker over TCP only: one that a pool has spawned, then one that the command runs. */
const NETWORK = `
import { spawn } from "node:child_process";
import { once } from "node:events";
import { ProcessWorker, WorkerConnection, WorkerPool } from "merino";
import { add } from "./sums.js";

async function call(address) {
  const { socket, hostId, ...remote } = await new WorkerConnection(address).describe();
  const connection = new WorkerConnection(remote);
  try {
    return await connection.dispatch(add, 1, 2);
  } finally {
    await connection.close();
  }
}

const worker = ProcessWorker.factory({ host: "127.0.0.1", modules: ["sums.js"] });
const pool = await WorkerPool.open({ size: 1, worker, quorum: 1, ambient: false });
console.log("pool", await call(pool.workers[0].address));
await pool.close();

const options = ["worker", "sums.js", "--host", "127.0.0.1", "--port", "0", "--discovery", "none"];
const command = spawn(process.execPath, ["node_modules/merino/dist/cli/merino.js", ...options]);
command.stderr.pipe(process.stderr);
const [line] = await once(command.stdout, "data");
console.log("command", await call(line.toString().trim()));
command.kill("SIGTERM");
await once(command, "exit");
`;

interface UserProject extends AsyncDisposable {
  /** The project's folder; named so that it can be handed to `execFile`. */
  readonly cwd: string;
  readonly timeout: number;
}

/** An empty project with Merino, tsx and the quick start in it, and nothing from the repository within reach. */
async function createUserProject(): Promise<UserProject> {
  const cwd = await mkdtemp(path.join(tmpdir(), "merino-user-"));
  try {
    const modules = path.join(cwd, "node_modules");
    await mkdir(path.join(modules, "merino"), { recursive: true });
    const { name, version, dependencies = {} } = await readPackage();
    const tarball = path.join(packedIn, `${name}-${version}.tgz`);
    await execute("tar", ["-xzf", tarball, "-C", path.join(modules, "merino"), "--strip-components=1"]);

    // What npm would install beside it, and what the page tells users to install.
    await linkModules(cwd, [...Object.keys(dependencies), "tsx", "@types/node"]);
    await writeFile(path.join(cwd, "package.json"), JSON.stringify({ name: "quick-start", type: "module" }));
    const blocks = readCodeBlocks(await readFile(path.join(ROOT, "README.md"), "utf8"));
    for (const name of ["jobs.ts", "main.ts"]) {
      const block = blocks.find(({ file }) => file === name);
      assert.ok(block, `README.md has a block for ${name}`);
      await writeFile(path.join(cwd, name), block.source);
    }
  } catch (error) {
    await rm(cwd, { recursive: true });
    throw error;
  }
  return { cwd, timeout: 60_000, [Symbol.asyncDispose]: () => rm(cwd, { recursive: true }) };
}

/** Has a project find packages that the repository has. */
async function linkModules(project: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const link = path.join(project, "node_modules", name);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(path.join(ROOT, "node_modules", name), link);
  }
}

async function readPackage(): Promise<{
  name: string;
  version: string;
  dependencies?: Record<string, string>;
}> {
  const text = await readFile(path.join(ROOT, "package.json"), "utf8");
  return JSON.parse(text) as { name: string; version: string; dependencies?: Record<string, string> };
}
