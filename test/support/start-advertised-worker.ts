/** A process that serves a Unix socket and advertises it, as a worker would; nothing more. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { LocalDiscovery } from "../../src/discovery/local/local-discovery.ts";
import { hostId } from "../../src/transport/unix/host-id.ts";
import { socketPath } from "../../src/transport/unix/socket-path.ts";
import { TYPESCRIPT_FLAGS } from "./typescript-flags.ts";
import { workerMetadata } from "./worker-metadata.ts";

/** Such a process as its parent sees it. Disposing kills it. */
export interface AdvertisedWorker extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly socket: string;
  /** Asks it to close its publisher and to end; resolves when it has gone. */
  close(): Promise<void>;
  /** Kills it; resolves when it has gone. */
  kill(): Promise<void>;
}

/** Starts a process that advertises a worker. Resolves once the advertisement is out. */
export async function startAdvertisedWorker(namespace: string, uid: string): Promise<AdvertisedWorker> {
  const child = fork(fileURLToPath(import.meta.url), [namespace, uid], {
    execArgv: [...TYPESCRIPT_FLAGS],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const [socket] = await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`The advertised worker ended early, code ${code}`))),
  ]);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    process: child,
    socket: String(socket),
    kill,
    async close() {
      child.send("close");
      await exited;
    },
    [Symbol.asyncDispose]: kill,
  };
}

async function main(namespace: string, uid: string): Promise<void> {
  const socket = socketPath();
  const server = createServer((connection) => connection.destroy());
  server.listen(socket);
  await once(server, "listening");
  const publisher = new LocalDiscovery(namespace).publisher();
  await publisher.publish({
    type: "worker-added",
    worker: workerMetadata({ uid, address: `unix:${socket}`, pid: process.pid, socket, hostId: hostId() }),
  });
  process.once("message", async () => {
    await publisher.close();
    server.close();
    process.disconnect();
  });
  process.send?.(socket);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [namespace = "", uid = ""] = process.argv.slice(2);
  await main(namespace, uid);
}
