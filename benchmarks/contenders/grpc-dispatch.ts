/**
 * What a straightforward gRPC service would do: one bidirectional call per dispatch, a task there, an
 * acknowledgement and a result back, each a message of its own, round robin over the servers.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client, credentials } from "@grpc/grpc-js";
import { ACKNOWLEDGED, METHOD } from "../functions/grpc-method.ts";
import { type Contender, WORKERS } from "./contender.ts";

const SERVER = fileURLToPath(new URL("../functions/grpc-server.ts", import.meta.url));

interface Server {
  readonly child: ChildProcess;
  readonly client: Client;
}

export async function openGrpcDispatch(): Promise<Contender> {
  const servers = await Promise.all(Array.from({ length: WORKERS }, openServer));
  let turn = 0;
  return {
    id: "grpc",
    name: "grpc-js, one call per dispatch",
    add(x, y) {
      const server = servers[turn++ % servers.length] as Server; // the list is never empty
      return callOnce(server.client, x, y);
    },
    async close() {
      await Promise.all(
        servers.map(async ({ child, client }) => {
          client.close();
          const exited = once(child, "exit");
          child.disconnect();
          await exited;
        }),
      );
    },
  };
}

async function openServer(): Promise<Server> {
  const child = fork(SERVER, { execArgv: ["--import", "tsx"] });
  const [port] = await once(child, "message");
  return { child, client: new Client(`127.0.0.1:${port}`, credentials.createInsecure()) };
}

function callOnce(client: Client, x: number, y: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest(
      METHOD.path,
      METHOD.requestSerialize,
      METHOD.responseDeserialize,
    );
    let sum: unknown;
    call.on("data", (message: unknown) => {
      if (message === ACKNOWLEDGED) call.write("next");
      else sum = message;
    });
    call.on("error", reject);
    call.on("end", () => resolve(sum));
    call.write({ x, y });
  });
}
