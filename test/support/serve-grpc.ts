/** A gRPC server in the test's own process that stands in for a worker's listener. */
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { CARRIER_HEADROOM, type Carrier, type CarrierEvents } from "../../src/session/carrier.ts";
import { eventually } from "./eventually.ts";
import { FOREIGN_METHODS, grpc } from "./foreign-grpc.ts";

/** What a unary call answers: bytes, or the code and text of a refusal. */
export type UnaryAnswer = Uint8Array | { readonly code: number; readonly details: string };

/** What the server does. */
export interface GrpcHandlers {
  readonly describe?: () => UnaryAnswer | Promise<UnaryAnswer>;
  readonly idle?: () => UnaryAnswer | Promise<UnaryAnswer>;
  readonly stop?: (request: Uint8Array) => UnaryAnswer | Promise<UnaryAnswer>;
  /** Takes each session, in the turn in which it is opened. Default: `next` gives it. */
  readonly session?: (stream: ServerSessionStream) => void;
}

/** One session as the server has it. */
export type ServerSessionStream = ServerDuplexStream<Buffer, Uint8Array>;

/** A server that listens. */
export interface ServedGrpc extends AsyncDisposable {
  /** Where: `127.0.0.1:port`, or the `unix:` address that was asked for. */
  readonly address: string;
  /** Every session so far. */
  readonly sessions: readonly ServerSessionStream[];
  /** The next session, once it is there. */
  next(): Promise<ServerSessionStream>;
  /** Cuts every connection. */
  cut(): void;
  /** Takes no more calls, says so, and lets those under way go on. Resolves when they have ended. */
  shutDown(): Promise<void>;
}

/** Starts the server on a port of 127.0.0.1, or on the Unix socket of a `unix:` address. */
export async function serveGrpc(handlers: GrpcHandlers = {}, address = "127.0.0.1:0"): Promise<ServedGrpc> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  const sessions: ServerSessionStream[] = [];
  let taken = 0;
  const unary =
    (answer: ((request: Uint8Array) => UnaryAnswer | Promise<UnaryAnswer>) | undefined) =>
    async (call: ServerUnaryCall<Buffer, Uint8Array>, reply: sendUnaryData<Uint8Array>) => {
      const given = (await answer?.(call.request)) ?? {
        code: grpc.status.UNIMPLEMENTED,
        details: "not in this test",
      };
      if (given instanceof Uint8Array) reply(null, given);
      else reply(given);
    };
  server.addService(
    { ...FOREIGN_METHODS },
    {
      session(stream: ServerSessionStream) {
        sessions.push(stream);
        stream.on("error", () => {});
        handlers.session?.(stream);
      },
      dispatch: (stream: ServerSessionStream) => stream.end(),
      describe: unary(handlers.describe),
      idle: unary(handlers.idle),
      access: unary(undefined),
      stop: unary(handlers.stop),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    address: address.startsWith("unix:") ? address : `127.0.0.1:${port}`,
    sessions,
    async next() {
      await eventually(() => sessions.length > taken);
      taken += 1;
      return sessions[taken - 1] as ServerSessionStream; // waited for
    },
    cut: () => server.forceShutdown(),
    shutDown: () =>
      new Promise((resolve, reject) =>
        server.tryShutdown((error) => (error === undefined ? resolve() : reject(error))),
      ),
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

/** The server's end of a session as a carrier: it ends when the client has half-closed or gone. */
export class ServerStreamCarrier implements Carrier {
  readonly volatile = false;
  readonly local = false;
  readonly description = "grpc stream";
  events: CarrierEvents | undefined;
  readonly #stream: ServerSessionStream;
  #over = false;

  constructor(stream: ServerSessionStream) {
    this.#stream = stream;
    stream.on("data", (batch: Buffer) => this.events?.batch(batch, 0, batch.length));
    stream.on("drain", () => this.events?.drain());
    stream.on("end", () => {
      stream.end();
      this.#end(undefined);
    });
    stream.on("cancelled", () => this.#end(undefined));
    stream.on("error", (error: Error) => this.#end(error));
  }

  send(batch: Uint8Array, tail?: Uint8Array): boolean {
    if (this.#over) return true;
    // The library may keep the memory until it leaves; a batch is the sender's again by then.
    return this.#stream.write(Buffer.concat([batch.subarray(CARRIER_HEADROOM), tail ?? new Uint8Array(0)]));
  }

  close(): void {
    if (this.#over) return;
    this.#stream.end();
    // What was written before is in the library's hands; its end is this side's as well.
    this.#stream.once("finish", () => this.#end(undefined));
  }

  destroy(error?: Error): void {
    if (this.#over) return;
    // The library ends a call with a status where its handler reports an error; destroying the stream does nothing.
    setImmediate(() => this.#stream.emit("error", { code: 14, details: "destroyed" }));
    this.#end(error);
  }

  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.events?.closed(error);
  }
}
