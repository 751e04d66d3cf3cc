/**
 * Relays one gRPC `session` call to the thread that serves it: each message is one batch, either way, and the
 * end of one side is the end of the other. It enforces no rule of the protocol. If the session turned the peer
 * away, it says so with a gRPC status as well.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { LAST_STREAM } from "../../session/stream-numbers.ts";
import { BatchReader } from "../../wire/batch/reader.ts";
import { BatchWriter } from "../../wire/batch/writer.ts";
import { FrameKind } from "../../wire/frame-kind.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import type { PortCarrier } from "../thread/port-carrier.ts";
import type { CallStatus, ServerCall, ServerCallEvents } from "./server-call.ts";

/** A GoAway that ends a connection is small; a larger batch cannot be one. */
const MAX_FAREWELL_BYTES = 4 * 1024;

/**
 * Batches that may wait for a client that does not read. Beyond them nothing is read from it either, since the
 * answers to pings and the refusals of tasks wait for no window and would fill this thread's memory.
 */
const MAX_UNREAD_BATCHES = 256;

/** What the call is to tell, and what it can be told. */
export interface SessionRelay extends ServerCallEvents {
  /**
   * Tells the client that the worker ends because it was told to, and its time is over. Whether the tasks that the
   * client has sent have run, nobody can say: the thread that serves them may be blocked.
   */
  announceEnd(): void;
}

/**
 * Connects a call with a carrier to the thread that serves it, until either ends.
 */
export function relaySession(
  call: Pick<ServerCall, "send" | "pause" | "resume" | "setBacklog" | "end">,
  carrier: PortCarrier,
): SessionRelay {
  /** The last batch sent to the client, in case it is the GoAway that ends the session. */
  let last: Uint8Array | undefined;
  /** Whether the session has begun: before its greeting nothing else may be sent. */
  let greeted = false;
  /** Batches sent since the stream said that it is full. */
  let unread = 0;
  /** Whether the serving thread's window is full. */
  let congested = false;
  const pace = (): void => {
    if (congested || unread > MAX_UNREAD_BATCHES) call.pause();
    else call.resume();
  };

  carrier.events = {
    batch(bytes) {
      last = bytes.length <= MAX_FAREWELL_BYTES ? bytes : undefined;
      greeted = true;
      if (call.send(bytes)) return;
      carrier.pauseCredit();
      unread += 1;
      if (unread > MAX_UNREAD_BATCHES) pace();
    },
    drain() {
      congested = false;
      pace();
      call.setBacklog(0);
    },
    closed: () => call.end(farewell(last)),
  };
  return {
    message(bytes, start, end) {
      if (carrier.give(bytes.subarray(start, end))) return;
      congested = true;
      pace();
      call.setBacklog(carrier.backlogBytes);
    },
    drain() {
      unread = 0;
      carrier.resumeCredit();
      pace();
    },
    // The client's half-close ends the connection: nobody is left to answer.
    halfClosed: () => carrier.close(),
    closed: () => carrier.close(),
    announceEnd() {
      if (greeted) call.send(encodeEnd());
    },
  };
}

/** A batch that says so, and that any task sent may have started. */
function encodeEnd(): Uint8Array {
  const writer = new BatchWriter();
  writer.goAway({
    lastStream: LAST_STREAM,
    code: NackCode.DRAINING,
    detail: "it was told to end, and its time is over",
    graceMs: 0,
  });
  return writer.take().subarray(BatchWriter.HEADROOM);
}

/** The status for the end of a session: why the session turned the client away, if it did. */
function farewell(last: Uint8Array | undefined): CallStatus | undefined {
  if (last === undefined) return undefined;
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
  return undefined;
}
