/**
 * Makes a child process end when its parent does, even while the child's main thread is blocked and cannot see
 * its channel close; a worker that can see it ends by itself (`host/parent/parent-link.ts`). If the kernel can do that,
 * the child is started so that it does; if not, a guardian (`guardian.ts`) has to be told of the child.
 */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { processWide } from "../../internal/process-wide.ts";

/** How to start a child. */
export interface ParentDeathCommand {
  readonly execPath: string;
  readonly execArgv: string[];
  /** Whether the child still has to be registered with a guardian. */
  readonly guardian: boolean;
}

/** A tool that takes longer counts as missing. */
const PROBE_TIMEOUT_MS = 2_000;
const USUAL_DIRECTORIES = ["/usr/bin", "/bin"];
const OPTIONS = ["--pdeathsig", "KILL", "--"];

const probe = processWide("process.setpriv", (): { path?: Promise<string | undefined> } => ({}));

/**
 * Wraps a command such that the kernel kills the process when the thread that started it has ended.
 *
 * The process keeps its pid, its file descriptors and its signals: the wrapper replaces itself. The kernel
 * drops the request if the executable itself is set-user-ID or has file capabilities.
 *
 * @param execPath The executable of the child.
 * @param execArgv Its first arguments.
 * @returns The command to start; unchanged, with `guardian` set, if there is no working `setpriv` of
 *   util-linux. That is found out once per process.
 * @see PR_SET_PDEATHSIG in prctl(2)
 */
export async function parentDeathCommand(
  execPath: string,
  execArgv: readonly string[],
): Promise<ParentDeathCommand> {
  prepareParentDeath();
  const setpriv = await probe.path;
  return setpriv === undefined
    ? { execPath, execArgv: [...execArgv], guardian: true }
    : { execPath: setpriv, execArgv: [...OPTIONS, execPath, ...execArgv], guardian: false };
}

/** Begins to find out how, which takes a process of its own: within this turn, so that it runs beside what the caller does next. */
export function prepareParentDeath(): void {
  probe.path ??= findSetpriv();
}

async function findSetpriv(): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...USUAL_DIRECTORIES].filter(isAbsolute);
  for (const directory of new Set(directories)) {
    const path = join(directory, "setpriv");
    if (isExecutable(path) && (await works(path))) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs it on itself: shows at once that the option is known, that it is permitted, and whose tool it is. */
function works(setpriv: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(setpriv, [...OPTIONS, setpriv, "--version"], { timeout: PROBE_TIMEOUT_MS }, (error, output) => {
      resolve(error === null && output.includes("util-linux"));
    });
  });
}
