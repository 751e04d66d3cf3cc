/**
 * A shell that outlives this process by a moment and kills the children it was told of: for systems where
 * the kernel does not. There is one per process, however many pools use it. It never keeps the process
 * alive, owns nothing but a pipe, and is gone when the last user has closed it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { processWide } from "../../internal/process-wide.ts";

/** One user's share in the guardian of this process. */
export interface Guardian {
  /** Has a process killed (SIGKILL) half a second after this one has ended, however it ended. */
  register(pid: number): void;
  /** Forgets a process. Call it when the process has gone: its number may be given to another. */
  unregister(pid: number): void;
  /** Forgets all that were registered here. Idempotent; resolves when the shell has gone, if this was its last user. */
  close(): Promise<void>;
}

/**
 * Reads `+ <pid>` and `- <pid>`. At the end of the input, which is this process's end as well, those still
 * listed are given the time to notice by themselves and are killed. It ignores the signals of the terminal,
 * which reach the whole group and would end it before its time.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
pids=' '
while read -r change pid; do
  case $change in
    +) pids="$pids$pid " ;;
    -) case $pids in *" $pid "*) pids="\${pids%%" $pid "*} \${pids#*" $pid "}" ;; esac ;;
  esac
done
case $pids in *[0-9]*) ;; *) exit 0 ;; esac
sleep 0.5 2>/dev/null || sleep 1
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
exit 0
`;

interface Shell {
  readonly process: ChildProcess;
  readonly input: Socket;
  readonly exited: Promise<void>;
}

interface SharedGuardian {
  shell: Shell | undefined;
  readonly users: Set<ReadonlySet<number>>;
}

const shared = processWide(
  "process.guardian",
  (): SharedGuardian => ({ shell: undefined, users: new Set() }),
);

/**
 * Starts the guardian of this process, or joins it. Its shell starts with the first process registered. On
 * a system without `/bin/sh` it does nothing.
 */
export function startGuardian(): Guardian {
  const pids = new Set<number>();
  shared.users.add(pids);
  return {
    register(pid) {
      // A closed share has nobody left who would take the number back.
      if (!shared.users.has(pids)) return;
      pids.add(pid);
      if (shared.shell === undefined) startShell();
      else tell(shared.shell, "+", pid);
    },
    unregister(pid) {
      if (pids.delete(pid) && shared.shell !== undefined) tell(shared.shell, "-", pid);
    },
    async close() {
      for (const pid of [...pids]) this.unregister(pid);
      shared.users.delete(pids);
      const { shell } = shared;
      if (shared.users.size > 0 || shell === undefined) return;
      shared.shell = undefined;
      shell.process.ref();
      shell.input.end();
      await shell.exited;
    },
  };
}

/** Also called when the shell before it was killed: the list is written anew. */
function startShell(): void {
  const child = spawn("/bin/sh", ["-c", SCRIPT], {
    stdio: ["pipe", "ignore", "ignore"],
    // A group and session of its own, out of reach of the terminal.
    detached: true,
    cwd: "/",
    windowsHide: true,
  });
  // Without file descriptors left there is no pipe either; the next registration tries again.
  if (!child.stdin) return void child.once("error", () => {});
  // A pipe to a child is a socket, whatever its declared type.
  const input = child.stdin as Socket;
  const exited = new Promise<void>((resolve) => {
    const gone = (): void => {
      if (shared.shell?.process === child) shared.shell = undefined;
      resolve();
    };
    child.once("exit", gone);
    child.once("error", gone);
  });
  // Written to after the shell was killed; its exit is noticed on its own.
  input.on("error", () => {});
  child.unref();
  input.unref();
  shared.shell = { process: child, input, exited };
  for (const pids of shared.users) for (const pid of pids) tell(shared.shell, "+", pid);
}

function tell({ input }: Shell, change: "+" | "-", pid: number): void {
  // Only a number may reach the shell.
  if (Number.isSafeInteger(pid) && pid > 1) input.write(`${change} ${pid}\n`);
}
