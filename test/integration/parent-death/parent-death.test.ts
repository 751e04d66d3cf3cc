/** Children that cannot see their parent end, because their main thread is blocked, and end all the same. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { startGuardian } from "../../../src/process/launch/guardian.ts";
import { parentDeathCommand } from "../../../src/process/launch/kill-with-parent.ts";
import { eventually } from "../../support/eventually.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";

const source = (path: string): string =>
  JSON.stringify(new URL(`../../../src/process/launch/${path}`, import.meta.url).href);

/** Starts children in a busy loop, guarded in one of the two ways, and prints their pids. */
const PARENTS = {
  "parentDeathCommand.mjs": `
    import { spawn } from "node:child_process";
    import { parentDeathCommand } from ${source("kill-with-parent.ts")};
    const { execPath, execArgv } = await parentDeathCommand(process.execPath, ["--eval", "for (;;);"]);
    const child = spawn(execPath, execArgv, { stdio: "ignore" });
    console.log(child.pid);
    setInterval(() => {}, 1000);`,
  "guardian.mjs": `
    import { spawn } from "node:child_process";
    import { startGuardian } from ${source("guardian.ts")};
    const guardian = startGuardian();
    const start = () => spawn(process.execPath, ["--eval", "for (;;);"], { stdio: "ignore" });
    const [guarded, forgotten] = [start(), start()];
    guardian.register(guarded.pid);
    guardian.register(forgotten.pid);
    guardian.unregister(forgotten.pid);
    console.log(guarded.pid, forgotten.pid);
    setInterval(() => {}, 1000);`,
};

function startParent(fixtures: TemporaryPackage, file: string): ChildProcess {
  return spawn(process.execPath, [...TYPESCRIPT_FLAGS, fixtures.path(file)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function readPids(parent: ChildProcess): Promise<readonly number[]> {
  assert.ok(parent.stdout);
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  return line.toString().trim().split(" ").map(Number);
}

/** The state of a process as `ps` tells it; an orphan that nobody waits for stays behind as 'Z', having ended. */
function isRunning(pid: number): boolean {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)])
      .toString()
      .startsWith("Z");
  } catch {
    return false;
  }
}

async function endsWith(parent: ChildProcess, pid: number): Promise<void> {
  assert.equal(isRunning(pid), true);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  await eventually(() => !isRunning(pid), { everyMs: 50 });
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) if (isRunning(pid)) process.kill(pid, "SIGKILL");
}

test("parentDeathCommand has a busy child killed with its parent", async (context) => {
  if ((await parentDeathCommand("node", [])).guardian) return context.skip("no setpriv of util-linux");
  using fixtures = temporaryPackage({ "package.json": "{}", ...PARENTS });
  const parent = startParent(fixtures, "parentDeathCommand.mjs");
  const pids = await readPids(parent);

  try {
    const [pid = 0] = pids;
    await endsWith(parent, pid);
  } finally {
    parent.kill("SIGKILL");
    killAll(pids);
  }
});

test("startGuardian has a busy child killed with its parent, and leaves alone one it was told to forget", async () => {
  using fixtures = temporaryPackage({ "package.json": "{}", ...PARENTS });
  const parent = startParent(fixtures, "guardian.mjs");
  const pids = await readPids(parent);

  try {
    const [guarded = 0, forgotten = 0] = pids;
    await endsWith(parent, guarded);
    assert.equal(isRunning(forgotten), true);
  } finally {
    parent.kill("SIGKILL");
    killAll(pids);
  }
});

test("parentDeathCommand keeps the command as it was, or puts it behind its own options", async () => {
  const { execPath, execArgv, guardian } = await parentDeathCommand("/bin/node", ["--expose-gc"]);

  if (guardian) assert.deepEqual([execPath, execArgv], ["/bin/node", ["--expose-gc"]]);
  else assert.deepEqual(execArgv, ["--pdeathsig", "KILL", "--", "/bin/node", "--expose-gc"]);
});

test("a guardian shares its shell, ends it with the last user, and kills nobody then", async () => {
  const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  const [first, second] = [startGuardian(), startGuardian()];
  const shells = (): number =>
    childrenOf(process.pid).filter((command) => command.startsWith("/bin/sh")).length;

  first.register(pid);
  second.register(pid);
  await eventually(() => shells() === 1, { everyMs: 50 });
  await first.close();
  assert.equal(shells(), 1);
  await Promise.all([second.close(), second.close()]);

  assert.equal(shells(), 0);
  assert.equal(isRunning(pid), true);
  child.kill("SIGKILL");
  await once(child, "exit");
});

function childrenOf(pid: number): readonly string[] {
  const listing = execFileSync("ps", ["-eo", "ppid=,args="]).toString();
  return listing
    .split("\n")
    .map((line) => /^\s*(\d+) (.*)$/.exec(line))
    .flatMap((match) => (Number(match?.[1]) === pid ? [match?.[2] ?? ""] : []));
}
