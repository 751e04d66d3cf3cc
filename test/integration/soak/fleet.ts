/** The workers of the soak: started, killed, drained and replaced on the hosts they belong to. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { NetworkHost } from "../../support/network-namespaces.ts";
import type { TemporaryPackage } from "../../support/temporary-package.ts";

/** A worker and the program it runs from. */
export interface FleetWorker {
  readonly host: NetworkHost;
  readonly process: ChildProcess;
  readonly address: string;
  /** What it wrote to standard error. */
  readonly stderr: () => string;
  readonly exited: Promise<readonly [number | null, NodeJS.Signals | null]>;
}

/** How the workers of the fleet are started. */
export interface FleetOptions {
  readonly namespace: string;
  /** Where bodies leave their traces. */
  readonly log: string;
}

/** Starts a worker on a host. Resolves when it serves. */
export async function startWorker(
  host: NetworkHost,
  project: TemporaryPackage,
  { namespace, log }: FleetOptions,
): Promise<FleetWorker> {
  const child = host.start(
    process.execPath,
    [
      project.path("node_modules/merino/dist/cli/merino.js"),
      "worker",
      project.path("jobs.mjs"),
      "--host",
      host.ipv4,
      "--insecure",
      "--discovery",
      `lan:${namespace}`,
      "--keepalive-time",
      "1000",
      "--keepalive-timeout",
      "1000",
      "--grace",
      "10000",
    ],
    {
      cwd: project.directory,
      env: { SOAK_LOG: log, NODE_OPTIONS: undefined, NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const address = await Promise.race([
    once(lines, "line").then(([line]) => String(line)),
    exited.then(([code, signal]) => {
      throw new Error(`A worker ended before it served (${code ?? signal}): ${stderr}`);
    }),
  ]);
  return { host, process: child, address, stderr: () => stderr, exited };
}

/** Ends a worker as a deployment would, and checks that it went in order. */
export async function drainWorker(worker: FleetWorker): Promise<void> {
  worker.process.kill("SIGTERM");
  const [code, signal] = await worker.exited;
  if (code !== 0) throw new Error(`A drained worker ended with ${code ?? signal}: ${worker.stderr()}`);
}

/** Ends a worker as a crash would. */
export async function killWorker(worker: FleetWorker): Promise<void> {
  worker.process.kill("SIGKILL");
  await worker.exited;
}
