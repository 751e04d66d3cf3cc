/** One attack of a worker on a caller, which calls another one meanwhile: what it costs the caller. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { assertHarmless } from "../../support/hostile/text.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { startNetworkWorker } from "../network-worker/workers.ts";
import type { Outcome } from "./outcome.ts";
import type { AttackOptions } from "./under-attack.ts";
import { WatchedProcess } from "./watched-process.ts";

const HOSTILE_WORKER = fileURLToPath(new URL("./hostile-worker.ts", import.meta.url));
const CALLER = fileURLToPath(new URL("./attacked-caller.ts", import.meta.url));
const NOTHING = { tookMs: [] as number[], failed: 0, mostWorkMs: 0 };

/** Attacks. */
export async function callerUnderAttack(
  what: string,
  { durationMs, budgetBytes }: AttackOptions,
): Promise<Outcome> {
  await using started = await startNetworkWorker();
  const hostile = fork(HOSTILE_WORKER, [what], { execArgv: [...TYPESCRIPT_FLAGS] });
  const hostileExited = once(hostile, "exit");
  const { address } = (await messageOf(hostile)) as { readonly address: string };
  const caller = fork(
    CALLER,
    [JSON.stringify({ what, hostile: address, good: started.remote, durationMs })],
    {
      execArgv: [...TYPESCRIPT_FLAGS],
      env: { ...process.env, MERINO_MAX_HELD_BYTES: String(budgetBytes) },
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    },
  );
  const callerExited = once(caller, "exit");
  let printed = "";
  caller.stderr?.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  await messageOf(caller);
  using watched = new WatchedProcess(caller.pid as number); // it runs
  caller.send("go");
  const seen = (await messageOf(caller)) as typeof NOTHING | undefined;
  const { processors } = watched;
  const { grownBytes } = watched;
  await callerExited;
  if (hostile.connected) hostile.send("enough");
  const { done } = ((await messageOf(hostile)) ?? { done: -1 }) as { readonly done: number };
  await hostileExited;
  return {
    ...(seen ?? NOTHING),
    done,
    times: grownBytes / budgetBytes,
    processors,
    tookMs: (seen ?? NOTHING).tookMs.sort((a, b) => a - b),
    faults: [...(seen === undefined ? ["the caller has ended"] : []), ...faultsOfText(printed)],
  };
}

/** The next message of a process; `undefined` if it ends before. */
async function messageOf(child: ChildProcess): Promise<unknown> {
  const [message] = await Promise.race([once(child, "message"), once(child, "exit").then(() => [])]);
  return message;
}

/** Whether a terminal would obey what was printed. */
function faultsOfText(printed: string): string[] {
  try {
    assertHarmless(printed, "what it printed");
    return [];
  } catch (error) {
    return [(error as Error).message.slice(0, 100)];
  }
}
