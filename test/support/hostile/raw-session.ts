/**
 * A client that sends frames written by hand to a real worker over the network, as fast as the worker takes them, and
 * reads what it answers or does not.
 */
import type { Carrier } from "../../../src/session/carrier.ts";
import { connectGrpc } from "../../../src/transport/grpc/connect.ts";
import { batchOf, helloWith } from "../protocol-peers.ts";

/** A raw session. */
export interface RawSession extends Disposable {
  readonly carrier: Carrier;
  /** Whether the worker has ended it. */
  readonly ended: boolean;
  /** Bytes sent so far. */
  readonly sentBytes: number;
  /** Bytes that have come. */
  readonly receivedBytes: number;
  /** Sends a batch. Returns false once the connection takes no more for now. */
  send(batch: Uint8Array): boolean;
  /**
   * Sends batches, one after the other, until the session has ended or `until` has passed.
   *
   * @param next Makes the next batch.
   * @param until As `performance.now()` counts.
   * @param turns How many batches at most; all that there is time for unless given.
   */
  flood(next: (turn: number) => Uint8Array, until: number, turns?: number): Promise<void>;
}

/** Opens a session and introduces itself. */
export async function rawSession(
  address: string,
  options: {
    readonly name?: string;
    readonly reads?: boolean;
    /** Told of each batch that has come. */
    readonly read?: (batch: Uint8Array) => void;
  } = {},
): Promise<RawSession> {
  const { name = "hostile", reads = true, read } = options;
  const carrier = await connectGrpc(address, { timeoutMs: 20_000 });
  let ended = false;
  let sentBytes = 0;
  let receivedBytes = 0;
  let drained: (() => void) | undefined;
  carrier.events = {
    batch: (bytes, start, end) => {
      receivedBytes += end - start;
      read?.(bytes.subarray(start, end));
      if (!reads) carrier.holdInput?.(true);
    },
    drain: () => drained?.(),
    closed: () => {
      ended = true;
      drained?.();
    },
  };
  const send = (batch: Uint8Array): boolean => {
    sentBytes += batch.length;
    return carrier.send(Buffer.concat([Buffer.alloc(4), batch]));
  };
  send(batchOf((writer) => writer.hello(helloWith({ uid: name }))));
  return {
    carrier,
    get ended() {
      return ended;
    },
    get sentBytes() {
      return sentBytes;
    },
    get receivedBytes() {
      return receivedBytes;
    },
    send,
    async flood(next, until, turns = Number.POSITIVE_INFINITY) {
      for (let turn = 1; turn <= turns && !ended && performance.now() < until; turn++) {
        if (send(next(turn))) {
          if (turn % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        await new Promise<void>((resolve) => {
          drained = resolve;
          setTimeout(resolve, Math.max(0, until - performance.now())).unref();
        });
        drained = undefined;
      }
    },
    [Symbol.dispose]: () => carrier.destroy(),
  };
}
