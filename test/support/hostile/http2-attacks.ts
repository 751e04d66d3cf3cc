/** Attacks on a gRPC server below its messages: raw HTTP/2, as nobody sends it who means well. Each goes on for its time. */
import { once } from "node:events";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { createConnection, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { GRPC_METHODS } from "../../../src/transport/grpc/service.ts";

/** One attack on the server at `host:port`; resolves with how often it did what it does. */
export type Http2Attack = (address: string, durationMs: number) => Promise<number>;

const CONNECTIONS = 50;
const CALL = {
  ":method": "POST",
  ":path": GRPC_METHODS.session.path,
  "content-type": "application/grpc",
  te: "trailers",
} as const;

/** The attacks, by what they consist of. */
export const HTTP2_ATTACKS: Readonly<Record<string, Http2Attack>> = {
  async "streams without a message"(address, durationMs) {
    let opened = 0;
    await withSessions(address, CONNECTIONS, (sessions) =>
      repeat(durationMs, async () => {
        for (const session of sessions) {
          if (session.destroyed || session.closed) continue;
          opened += 10;
          for (let stream = 0; stream < 10; stream++) quietly(session.request(CALL, { endStream: false }));
        }
        await pause(10);
      }),
    );
    return opened;
  },

  async "calls taken back, over new connections"(address, durationMs) {
    let taken = 0;
    await repeat(durationMs, () =>
      withSessions(address, 4, async (sessions) => {
        for (const session of sessions) {
          for (let stream = 0; stream < 150 && !session.destroyed; stream++) {
            const request = quietly(session.request(CALL, { endStream: false }));
            setImmediate(() => request.close(constants.NGHTTP2_CANCEL));
            taken += 1;
          }
        }
        await pause(10);
      }),
    );
    return taken;
  },

  async "connections that say nothing"(address, durationMs) {
    const sockets: Socket[] = [];
    const { hostname, port } = new URL(`http://${address}`);
    await repeat(durationMs, async () => {
      for (let made = 0; made < 50 && sockets.length < 3_000; made++) {
        const socket = createConnection({ host: hostname, port: Number(port) });
        socket.on("error", () => {});
        socket.resume();
        sockets.push(socket);
      }
      await pause(10);
    });
    for (const socket of sockets) socket.destroy();
    return sockets.length;
  },

  async "messages that inflate"(address, durationMs) {
    const bomb = messageOf(gzipSync(Buffer.alloc(30_000_000)), 1);
    let sent = 0;
    await withSessions(address, 2, (sessions) =>
      repeat(durationMs, async () => {
        for (const session of sessions) {
          if (session.destroyed) continue;
          const declared = sent++ % 2 === 0 ? { "grpc-encoding": "gzip" } : {};
          quietly(session.request({ ...CALL, ...declared })).end(bomb);
        }
        await pause(20);
      }),
    );
    return sent;
  },

  async "unfinished messages"(address, durationMs) {
    const prefix = Buffer.from([0, 0, 0xf0, 0, 0]); // of almost 16 MiB
    const bytes = Buffer.alloc(1024 * 1024);
    let sent = 0;
    await withSessions(address, CONNECTIONS, (sessions) =>
      repeat(durationMs, async () => {
        for (const session of sessions) {
          if (session.destroyed || session.closed) continue;
          const request = quietly(session.request(CALL, { endStream: false }));
          request.write(prefix);
          for (let part = 0; part < 15; part++) request.write(bytes);
          sent += 1;
        }
        await pause(50);
      }),
    );
    return sent;
  },
};

async function repeat(durationMs: number, attack: () => Promise<void>): Promise<void> {
  const untilMs = performance.now() + durationMs;
  while (performance.now() < untilMs) await attack();
}

async function withSessions(
  address: string,
  count: number,
  attack: (sessions: readonly ClientHttp2Session[]) => Promise<void>,
): Promise<void> {
  const sessions = Array.from({ length: count }, () => {
    const session = connect(`http://${address}`);
    session.on("error", () => {});
    return session;
  });
  await Promise.all(
    sessions.map((session) =>
      Promise.race([
        new Promise((resolve) => session.once("remoteSettings", resolve)),
        new Promise((resolve) => session.once("close", resolve)),
      ]),
    ),
  );
  try {
    await attack(sessions);
  } finally {
    for (const session of sessions) session.destroy();
    await Promise.all(
      sessions.filter(({ destroyed }) => !destroyed).map((session) => once(session, "close")),
    );
  }
}

function quietly<Stream extends NodeJS.EventEmitter & { resume(): unknown }>(stream: Stream): Stream {
  stream.on("error", () => {});
  stream.resume();
  return stream;
}

function messageOf(bytes: Uint8Array, flags: number): Buffer {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}
