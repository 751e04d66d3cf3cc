/** A gRPC server that answers `describe` as a worker would, and nothing else. Made with grpc-js, not with our own server. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { encodeWorkerMetadata } from "../../src/wire/messages/service-messages.ts";
import type { WorkerMetadata } from "../../src/wire/worker-metadata.ts";
import { FOREIGN_METHODS, grpc } from "./foreign-grpc.ts";
import { TYPESCRIPT_FLAGS } from "./typescript-flags.ts";
import { workerMetadata } from "./worker-metadata.ts";

/** Such a server. Disposing closes it and its connections. */
export interface DescribingServer extends AsyncDisposable {
  readonly port: number;
  /** What it answers with; a test may replace it. */
  record: WorkerMetadata;
}

/** Serves `record` on `host`, an IPv4 or IPv6 address; `port` 0 takes any. */
export async function serveDescription(
  host: string,
  port: number,
  record: WorkerMetadata,
): Promise<DescribingServer> {
  const server = new grpc.Server();
  server.addService(
    { describe: FOREIGN_METHODS.describe },
    {
      describe(_call: unknown, respond: (error: null, bytes: Uint8Array) => void) {
        respond(null, encodeWorkerMetadata(served.record));
      },
    },
  );
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const served: DescribingServer = {
    port: await new Promise<number>((resolve, reject) => {
      server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    }),
    record,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
  return served;
}

/** The same in a process of its own, to be killed. Resolves once it serves; disposing kills it. */
export async function forkDescription(
  host: string,
  port: number,
  uid: string,
): Promise<AsyncDisposable & { readonly process: ChildProcess; kill(): Promise<void> }> {
  const child = fork(fileURLToPath(import.meta.url), [host, String(port), uid], {
    execArgv: [...TYPESCRIPT_FLAGS],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`The describing server ended early, code ${code}`))),
  ]);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return { process: child, kill, [Symbol.asyncDispose]: kill };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [host = "", port = "0", uid = ""] = process.argv.slice(2);
  await serveDescription(host, Number(port), workerMetadata({ uid, pid: process.pid }));
  process.once("disconnect", () => process.exit());
  process.send?.("ready");
}
