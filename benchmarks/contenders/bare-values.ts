/** The floor for large values: bytes to one other process and back over a Unix socket, whole at either end. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageReader, sendMessage } from "../functions/value-server.ts";
import type { ValueContender } from "./value-contender.ts";

const SERVER = fileURLToPath(new URL("../functions/value-server.ts", import.meta.url));

export async function openBareValues(): Promise<ValueContender> {
  const directory = await mkdtemp(join(tmpdir(), "merino-bench-"));
  const path = join(directory, "s");
  const server = fork(SERVER, [path]);
  await once(server, "message");
  let answered: (bytes: unknown) => void = () => {};
  const { buffer, callback } = messageReader((bytes) => answered(bytes));
  const socket = connect({ path, onread: { buffer, callback } });
  await once(socket, "connect");
  return {
    id: "bare",
    name: "bare Unix socket",
    echo: (_value, bytes) =>
      new Promise((resolve) => {
        answered = resolve;
        sendMessage(socket, bytes);
      }),
    async close() {
      socket.destroy();
      const exited = once(server, "exit");
      server.disconnect();
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
