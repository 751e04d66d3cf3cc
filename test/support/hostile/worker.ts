/** A worker on the network whose every word is hostile: raw frames over gRPC, written by hand. */
import { CARRIER_HEADROOM } from "../../../src/session/carrier.ts";
import type { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import type { Hello } from "../../../src/wire/frames.ts";
import { framesOf } from "../memory-pair.ts";
import { batchOf, helloWith } from "../protocol-peers.ts";
import { type GrpcHandlers, type ServedGrpc, ServerStreamCarrier, serveGrpc } from "../serve-grpc.ts";

/** How it answers. */
export interface HostileWorkerOptions {
  readonly handlers?: Omit<GrpcHandlers, "session">;
  /** Its greeting. */
  readonly hello?: Partial<Omit<Hello, "limits">>;
  /** Writes what it sends in place of a greeting; then it closes the connection. */
  readonly greet?: (writer: BatchWriter) => void;
  /** Writes what it answers to each task. */
  readonly answer?: (writer: BatchWriter, stream: number) => void;
}

/** Starts it on a port of 127.0.0.1. */
export function serveHostileWorker(options: HostileWorkerOptions): Promise<ServedGrpc> {
  return serveGrpc({
    ...options.handlers,
    session(stream) {
      const carrier = new ServerStreamCarrier(stream);
      const send = (write: (writer: BatchWriter) => void): void => {
        carrier.send(Buffer.concat([new Uint8Array(CARRIER_HEADROOM), batchOf(write)]));
      };
      carrier.events = {
        batch(bytes, start, end) {
          for (const frame of framesOf([bytes.subarray(start, end)])) {
            if (frame.kind === FrameKind.Hello) {
              send(options.greet ?? ((writer) => writer.hello(helloWith(options.hello))));
              if (options.greet !== undefined) carrier.close();
            }
            if (frame.kind === FrameKind.Task) send((writer) => options.answer?.(writer, frame.stream));
          }
        },
        drain() {},
        closed() {},
      };
    },
  });
}
