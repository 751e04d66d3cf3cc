/**
 * Relays one gRPC `session` stream to the thread that serves it: each message is one batch, either way, and the
 * end of one side is the end of the other. It enforces no rule of the protocol. If the session turned the peer
 * away, it says so with a gRPC status as well.
 */
import type { StatusObject } from "@grpc/grpc-js";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { CARRIER_HEADROOM } from "../../session/carrier.ts";
import { BatchReader } from "../../wire/batch/reader.ts";
import { FrameKind } from "../../wire/frame-kind.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import type { GrpcServerStream } from "./listen.ts";
import type { PortCarrier } from "./port-carrier.ts";

/** A GoAway that ends a connection is small; a larger batch cannot be one. */
const MAX_FAREWELL_BYTES = 4 * 1024;

/**
 * Batches that may wait for a client that does not read. Beyond them nothing is read from it either, since the
 * answers to pings and the refusals of tasks wait for no window and would fill this thread's memory.
 */
const MAX_UNREAD_BATCHES = 256;

const NO_HEAD = new Uint8Array(CARRIER_HEADROOM);

/** Connects a stream with a carrier to the thread that serves it, until either ends. */
export function relaySession(
  stream: GrpcServerStream,
  carrier: PortCarrier,
  options: { readonly maxBatchBytes: number },
): void {
  /** The last batch sent to the client, in case it is the GoAway that ends the session. */
  let last: Uint8Array | undefined;
  let over = false;
  /** Batches sent since the stream said that it is full. */
  let unread = 0;
  /** Whether the serving thread's window is full. */
  let congested = false;
  const pace = (): void => {
    if (congested || unread > MAX_UNREAD_BATCHES) stream.pause();
    else stream.resume();
  };
  const end = (status: Partial<StatusObject>): void => {
    if (over) return;
    over = true;
    // A status other than OK is given as an error; `emit`, since `destroy` would drop data already written.
    if (status.code === GrpcStatus.OK) stream.end();
    else stream.emit("error", status);
  };

  carrier.events = {
    batch(bytes) {
      if (over) return;
      last = bytes.length <= MAX_FAREWELL_BYTES ? bytes : undefined;
      if (stream.write(bytes)) return;
      carrier.pauseCredit();
      unread += 1;
      if (unread > MAX_UNREAD_BATCHES) pace();
    },
    drain() {
      congested = false;
      pace();
    },
    closed: () => end(farewell(last)),
  };
  stream.on("drain", () => {
    unread = 0;
    carrier.resumeCredit();
    pace();
  });
  stream.on("data", (message: Buffer) => {
    if (over) return;
    if (message.length > options.maxBatchBytes) {
      end({
        code: GrpcStatus.RESOURCE_EXHAUSTED,
        details: `A batch of ${message.length} bytes exceeds the limit of ${options.maxBatchBytes}`,
      });
      carrier.close();
      return;
    }
    if (carrier.send(NO_HEAD, message)) return;
    congested = true;
    pace();
  });
  // The client's half-close ends the connection: nobody is left to answer.
  stream.on("end", () => carrier.close());
  stream.on("close", () => {
    over = true;
    carrier.close();
  });
}

/** The status for the end of a session: why the session turned the client away, if it did. */
function farewell(last: Uint8Array | undefined): Partial<StatusObject> {
  if (last === undefined) return { code: GrpcStatus.OK };
  const reader = new BatchReader();
  try {
    reader.reset(last, 0, last.length);
    while (reader.next()) {
      if (reader.kind !== FrameKind.GoAway) continue;
      const { lastStream, detail } = reader.goAway();
      // Not one stream was taken: the handshake has failed.
      if (lastStream === 0) return { code: GrpcStatus.FAILED_PRECONDITION, details: detail };
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  return { code: GrpcStatus.OK };
}
