/**
 * Connects three things: a gRPC `dispatch` stream, the relay that translates its messages, and the carrier to the thread
 * that runs its task. It handles back-pressure and the end of either side; `relay.ts` handles the messages.
 */
import type { Metadata } from "@grpc/grpc-js";
import { CARRIER_HEADROOM } from "../../../session/carrier.ts";
import type { GrpcServerStream } from "../listen.ts";
import type { PortCarrier } from "../port-carrier.ts";
import { DispatchRelay } from "./relay.ts";

const NO_HEAD = new Uint8Array(CARRIER_HEADROOM);

/**
 * Connects a stream with a carrier, until either ends.
 *
 * @param createMetadata Makes empty trailers.
 */
export function relayDispatch(
  stream: GrpcServerStream,
  carrier: PortCarrier,
  createMetadata: () => Metadata,
): void {
  const relay = new DispatchRelay(
    {
      send: (batch) => {
        if (!carrier.send(NO_HEAD, batch)) stream.pause();
      },
      close: () => carrier.close(),
    },
    {
      response: (bytes) => {
        if (!stream.write(bytes)) carrier.pauseCredit();
      },
      end: (status) => {
        if (status === undefined) {
          stream.end();
          return;
        }
        const { code, details } = status;
        const metadata = createMetadata();
        for (const [name, value] of Object.entries(status.metadata ?? {})) metadata.set(name, value);
        // The library sends a status other than OK when 'error' is emitted; `destroy` would drop what was written.
        stream.emit("error", { code, details, metadata });
      },
    },
  );
  carrier.events = {
    batch: (bytes, start, end) => relay.batch(bytes, start, end),
    drain: () => stream.resume(),
    closed: (error) => relay.closed(error),
  };
  stream.on("drain", () => carrier.resumeCredit());
  stream.on("data", (message: Buffer) => relay.request(message));
  stream.on("end", () => relay.halfClosed());
  stream.on("cancelled", () => {
    // Nobody reads the stream any more: what the thread still sends is dropped, so let it go on sending.
    carrier.resumeCredit();
    relay.cancelled();
  });
}
