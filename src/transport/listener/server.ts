/**
 * A gRPC server over HTTP/2: it listens, decides which connections to take, and ends them. What a connection does is in
 * `server-connection.ts`.
 */
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { LOCAL_PEER, UNKNOWN_PEER } from "../../credentials/peers/peer.ts";
import { createDeferred } from "../../internal/deferred.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import type { TlsAcceptor } from "../tls/acceptor.ts";
import type { ConnectionGuard, ConnectionPermit } from "./connection-guard.ts";
import type { CallStatus, GrpcPeer } from "./server-call.ts";
import { ServerConnection, type ServerConnectionOptions } from "./server-connection.ts";

/** How a server works. */
export interface GrpcServerOptions extends ServerConnectionOptions {
  readonly guard: ConnectionGuard;
  /** Shakes hands with every caller. Absent: connections are in plain text. */
  readonly tls?: TlsAcceptor | undefined;
  /** Whether it listens on a Unix socket, and under which name. */
  readonly local?: string | undefined;
}

/** How long a connection that is refused may take to read why. */
const REFUSAL_MS = 1_000;
/** HTTP/2's code for a peer that asks for too much. */
const ENHANCE_YOUR_CALM = 0xb;
/** What a caller gets that is not accepted: time to make a call, and to read why it is not served. */
const REFUSING = { maxStreams: 8, greetingMs: REFUSAL_MS };

/** A server that listens. */
export class GrpcServer {
  readonly #server: Server;
  readonly #options: GrpcServerOptions;
  readonly #connections = new Set<ServerConnection>();
  /** Sockets that shake hands, or are told why they are refused. */
  readonly #unserved = new Set<Socket>();
  #closing: Promise<void> | undefined;

  private constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#take(socket));
  }

  /**
   * Listens.
   *
   * @throws The system's error if it cannot listen there.
   */
  static async listen(where: ListenOptions, options: GrpcServerOptions): Promise<GrpcServer> {
    const server = new GrpcServer(options);
    const listening = createDeferred<void>();
    server.#server.once("error", listening.reject);
    server.#server.listen(where, listening.resolve);
    await listening.promise;
    server.#server.off("error", listening.reject);
    // A connection that could not be taken, for want of descriptors for instance: the caller sees it end.
    server.#server.on("error", () => {});
    return server;
  }

  /** The port bound; 0 on a Unix socket. */
  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /**
   * Takes no more calls, lets those under way end, and closes every connection. Idempotent.
   *
   * @param graceMs Milliseconds after which the remaining calls are cut off.
   */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const closed = createDeferred<void>();
    this.#server.close(() => closed.resolve());
    for (const socket of this.#unserved) socket.destroy();
    for (const connection of this.#connections) connection.close();
    const force = deadlines.after(graceMs, () => {
      for (const connection of this.#connections) connection.destroy();
    });
    await closed.promise;
    deadlines.cancel(force);
  }

  #take(socket: Socket): void {
    const { local, guard, tls } = this.#options;
    // Gone before it was looked at.
    if (local === undefined && socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const address = socket.remoteAddress ?? "";
    const permit = guard.admit(address);
    if (typeof permit === "string") {
      // One that speaks TLS could read no reason, and a handshake costs more than a session.
      if (tls === undefined) this.#refuse(socket, permit);
      else socket.destroy();
      return;
    }
    const description = local ?? `${address.includes(":") ? `[${address}]` : address}:${socket.remotePort}`;
    const peer =
      local === undefined ? { ...UNKNOWN_PEER, address, description } : { ...LOCAL_PEER, description };
    if (tls === undefined) this.#serve(socket, peer, permit);
    else this.#secure(tls, socket, peer, permit);
  }

  #secure(tls: TlsAcceptor, socket: Socket, peer: GrpcPeer, permit: ConnectionPermit): void {
    this.#unserved.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#unserved.delete(socket));
    tls.accept(socket, {
      secured: (secure, identities) => {
        this.#unserved.delete(socket);
        const verified = identities !== undefined;
        this.#serve(secure, { ...peer, identities: identities ?? [], verified }, permit);
      },
      refused: (refused, reason, why) => {
        this.#unserved.delete(socket);
        const status = { code: GrpcStatus.UNAUTHENTICATED, details: `${reason}: ${why}` };
        this.#serve(refused, peer, permit, status);
      },
      failed: () => {
        permit.wasted();
        permit.closed();
      },
    });
  }

  /** @param refusal What every call is answered with, for a moment. Absent: calls are served. */
  #serve(socket: Socket, peer: GrpcPeer, permit: ConnectionPermit, refusal?: CallStatus): void {
    const options = refusal === undefined ? this.#options : { ...this.#options, ...REFUSING };
    const connection: ServerConnection = new ServerConnection(socket, options, {
      peer,
      permit,
      connections: options.guard.open,
      refusal,
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }

  /** Says why without a session, which would cost as much as to take the connection. */
  #refuse(socket: Socket, why: string): void {
    this.#unserved.add(socket);
    const expiry = deadlines.after(REFUSAL_MS, () => socket.destroy());
    socket.on("error", () => {});
    socket.once("close", () => {
      deadlines.cancel(expiry);
      this.#unserved.delete(socket);
    });
    socket.resume(); // nobody looks at it, but unread bytes would turn the end into a reset
    socket.end(farewellFrames(why));
  }
}

/** Frames of HTTP/2 that greet and say goodbye at once: SETTINGS, which is empty, and GOAWAY. */
function farewellFrames(why: string): Buffer {
  const text = Buffer.from(why);
  const frames = Buffer.alloc(9 + 9 + 8 + text.length);
  frames[3] = 0x4;
  frames.writeUIntBE(8 + text.length, 9, 3);
  frames[9 + 3] = 0x7;
  frames.writeUInt32BE(ENHANCE_YOUR_CALM, 9 + 9 + 4);
  text.copy(frames, 9 + 9 + 8);
  return frames;
}
