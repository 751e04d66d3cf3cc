/** The processes of a fault: workers of the command, and a program that calls them, on hosts that a test breaks. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { NetworkHost } from "../../support/network-namespaces.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import type { Answer, Question } from "./fixtures/caller.ts";

const MERINO = fileURLToPath(new URL("../../../dist/cli/merino.js", import.meta.url));
const ROUTINES = fileURLToPath(new URL("../fixtures/pool-routines.ts", import.meta.url));
const CALLER = fileURLToPath(new URL("./fixtures/caller.ts", import.meta.url));

/** Where a process runs. */
type Host = Pick<NetworkHost, "ipv4" | "startNode">;

/** The host of the test itself, for faults that concern a process alone. */
export const THIS_HOST: Host = {
  ipv4: "127.0.0.1",
  startNode(args, { env, ...options } = {}) {
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...inherited } = process.env;
    return spawn(process.execPath, [...TYPESCRIPT_FLAGS, ...args], {
      ...options,
      env: { ...inherited, ...env },
    });
  },
};

/** A worker of the command, with its supervisor. Disposing asks both to end. */
export interface HostWorker extends AsyncDisposable {
  readonly address: string;
  /** Kills both, as a host takes its processes along. */
  kill(): Promise<void>;
}

/** Starts a worker that serves `pool-routines.ts` over the network. Resolves when it serves. */
export async function startHostWorker(host: Host, options: readonly string[] = []): Promise<HostWorker> {
  const child = host.startNode(
    [
      ...[MERINO, "worker", ROUTINES, "--host", host.ipv4, "--insecure", "--discovery", "none"],
      ...["--grace", "100", ...options],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [address] = await once(createInterface({ input: child.stdout ?? process.stdin }), "line");
  return {
    address: String(address),
    kill: () => end(child, "SIGKILL"),
    [Symbol.asyncDispose]: () => end(child, "SIGTERM"),
  };
}

/** A program that calls workers. Disposing kills it. */
export interface HostCaller extends AsyncDisposable {
  readonly pid: number;
  /** Makes a call, and tells how it has ended. */
  call(
    routine: NonNullable<Question["routine"]>,
    ...args: readonly unknown[]
  ): Promise<Omit<Answer, "id" | "states">>;
  /** The states of the members, by their addresses. */
  states(): Promise<Readonly<Record<string, string>>>;
  kill(): Promise<void>;
}

/** Starts `fixtures/caller.ts`. Resolves when it takes questions. */
export async function startHostCaller(host: Host, addresses: readonly string[]): Promise<HostCaller> {
  const child = host.startNode([CALLER, ...addresses], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  await once(child, "message");
  const waiting = new Map<number, (answer: Answer) => void>();
  child.on("message", (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  let asked = 0;
  const ask = (question: Omit<Question, "id">): Promise<Answer> =>
    new Promise((resolve) => {
      const id = asked++;
      waiting.set(id, resolve);
      child.send({ id, ...question });
    });
  return {
    pid: child.pid ?? 0,
    async call(routine, ...args) {
      const { id: _, ...outcome } = await ask({ routine, args });
      return outcome;
    },
    states: async () => (await ask({})).states ?? {},
    kill: () => end(child, "SIGKILL"),
    [Symbol.asyncDispose]: () => end(child, "SIGKILL"),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
