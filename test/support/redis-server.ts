/** A Redis server for tests: Debian's, on a loopback port of its own, without persistence. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { useTool } from "./debian-tool.ts";
import { freePort } from "./free-port.ts";

/** A server. Disposing kills it. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Undefined while it is stopped. */
  readonly pid: number | undefined;
  /** Starts it again, empty, on the same port. It must have been stopped. */
  start(): Promise<void>;
  /** Kills it; resolves when it has gone. */
  stop(): Promise<void>;
}

/** Starts a server and resolves when it accepts connections. */
export async function startRedis(): Promise<RedisServer> {
  const command = await useTool("redis-server", "redis-server");
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    server = spawn(command, ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await untilReady(server);
  };
  const stop = async (): Promise<void> => {
    if (server === undefined) return;
    const exited = server.exitCode === null && server.signalCode === null ? once(server, "exit") : undefined;
    server.kill("SIGKILL");
    await exited;
    server = undefined;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return server?.pid;
    },
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function untilReady(server: ChildProcess): Promise<void> {
  if (server.stdout === null) throw new Error("The server has no standard output");
  const said: string[] = [];
  const lines = createInterface({ input: server.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      said.push(line);
      if (line.includes("Ready to accept connections")) resolve();
    });
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`redis-server has not come up:\n${said.join("\n")}`)));
  });
}
