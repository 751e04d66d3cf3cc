/**
 * The floor: length-prefixed frames to one other process and back over a Unix socket, the frames of a
 * turn in one write. No functions, no errors, no cancellation; nothing that calls something can be faster.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBareValues } from "./bare-values.ts";
import type { Contender } from "./contender.ts";

/** A length in four bytes, then two doubles. */
const FRAME_BYTES = 20;
const SERVER = fileURLToPath(new URL("../functions/echo-server.mjs", import.meta.url));

export async function openSocket(): Promise<Contender> {
  const directory = await mkdtemp(join(tmpdir(), "merino-bench-"));
  const path = join(directory, "s");
  const server = fork(SERVER, [path], { execArgv: [] });
  await once(server, "message");
  const values = await openBareValues();
  const socket = connect(path);
  await once(socket, "connect");

  // The server answers in order, so a queue is all the bookkeeping there is.
  let waiting: ((sum: number) => void)[] = [];
  let answered = 0;
  let batch: Buffer[] = [];
  let rest: Buffer = Buffer.alloc(0);

  const flush = () => {
    socket.write(batch.length === 1 ? (batch[0] ?? rest) : Buffer.concat(batch));
    batch = [];
  };
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (; at + FRAME_BYTES <= bytes.length; at += FRAME_BYTES) {
      waiting[answered++]?.(bytes.readDoubleLE(at + 4) + bytes.readDoubleLE(at + 12));
    }
    rest = bytes.subarray(at);
    if (answered > 1024) {
      waiting = waiting.slice(answered);
      answered = 0;
    }
  });

  return {
    id: "socket",
    name: "bare Unix socket",
    isStream: true,
    echo: values.echo,
    add(x, y) {
      const frame = Buffer.allocUnsafe(FRAME_BYTES);
      frame.writeUInt32LE(FRAME_BYTES - 4, 0);
      frame.writeDoubleLE(x, 4);
      frame.writeDoubleLE(y, 12);
      if (batch.push(frame) === 1) process.nextTick(flush);
      return new Promise((resolve) => waiting.push(resolve));
    },
    async close() {
      await values.close();
      socket.destroy();
      const exited = once(server, "exit");
      server.disconnect();
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
