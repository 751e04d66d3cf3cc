/** Opens sessions to workers over the network. */
import type { Trust } from "../../credentials/trust.ts";
import type { Carrier } from "../../session/carrier.ts";
import { DEFAULT_LIMITS } from "../../session/limits.ts";
import type { ChannelOptions } from "../../wire/channel-options.ts";
import { parseGrpcAddress } from "./address.ts";
import { GrpcCarrier } from "./carrier.ts";
import { GrpcChannel } from "./channel.ts";

/** How a session is opened. */
export interface ConnectGrpcOptions {
  /** The transport settings that the worker advertises. */
  readonly settings?: ChannelOptions | undefined;
  /** This side's credentials. Absent: plain text. */
  readonly trust?: Trust | undefined;
  /** The name in the worker's record, which its certificate has to present. */
  readonly identity?: string | undefined;
  /** Milliseconds until the connection must be there. Default 5 000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Connects to a worker.
 *
 * @param address `host:port`, `[v6]:port` or `unix:/path`.
 * @returns A carrier that does not keep the process alive by itself.
 * @throws {@link HandshakeError} when nobody listens there, or nobody who speaks gRPC.
 * @throws {@link InvalidOptionError} for a malformed address.
 */
export async function connectGrpc(address: string, options: ConnectGrpcOptions = {}): Promise<Carrier> {
  const { settings = {}, trust, identity, timeoutMs } = options;
  const channel = await GrpcChannel.connect(parseGrpcAddress(address), {
    trust,
    identity,
    connectTimeoutMs: timeoutMs,
    keepaliveTimeMs: settings.keepaliveTime,
    keepaliveTimeoutMs: settings.keepaliveTimeout,
  });
  try {
    return new GrpcCarrier(channel, { description: address, maxBatchBytes: DEFAULT_LIMITS.maxBatch });
  } catch (error) {
    channel.destroy();
    throw error;
  }
}
