/** The messages between the main thread of a worker and its listener thread. Types only. */
import type { MessagePort } from "node:worker_threads";
import type { Peer } from "../../credentials/peers/peer.ts";
import type { TrustData, TrustMaterial } from "../../credentials/trust.ts";
import type { ChannelOptions } from "../../wire/channel-options.ts";

/** Settings with which the listener thread is started. */
export interface ListenerInit {
  readonly host: string;
  readonly port: number;
  /** Where it tells of the worker's health alone. Absent: nowhere. */
  readonly health?: { readonly host: string; readonly port: number } | undefined;
  readonly controlPath: string;
  readonly channel: ChannelOptions;
  readonly maxBatchBytes: number;
  /** What all callers of the network may make the process hold. */
  readonly maxHeldBytes?: number | undefined;
  /** See `session/memory/thread-share.ts`; this thread is side 1. */
  readonly heldShare: SharedArrayBuffer;
  /** Absent: callers connect in plain text. */
  readonly trust?: TrustData | undefined;
  /** See `worker/activity.ts`. */
  readonly activity: SharedArrayBuffer;
  /** Descriptor of a pipe to the worker's parent, which says there that the worker is to end. */
  readonly parentPipe?: number | undefined;
  /** Whether the parent acts on requests to stop, which it reads from the pipe. Else the main thread does. */
  readonly parentStops: boolean;
  /** Patterns of the identities of callers that may tell the worker to stop over the network. */
  readonly stopAllow: readonly string[];
}

/** From the listener thread. */
export type ListenerMessage =
  | { readonly type: "listening"; readonly host: string; readonly port: number }
  | {
      readonly type: "failed";
      /** Present if an option is to blame. */
      readonly option?: { readonly name: string; readonly value: unknown; readonly expected: string };
      readonly message: string;
    }
  /** A client has connected: the main thread serves the session on this port, as side 1 of the memory. */
  | {
      readonly type: "session";
      readonly port: MessagePort;
      readonly memory: SharedArrayBuffer;
      readonly peer: Peer;
      readonly description: string;
    }
  /** What a caller might call: the main thread answers on the port, with the report as bytes, or an error as text. */
  | { readonly type: "access"; readonly request: Uint8Array; readonly port: MessagePort }
  /** The worker has been told to stop, and whoever did so has been answered. */
  | { readonly type: "stop"; readonly graceMs: number }
  /** Every connection has ended. */
  | { readonly type: "closed" };

/** To the listener thread. */
export type MainMessage =
  /** The worker's record, for `describe`. */
  | { readonly type: "record"; readonly record: Uint8Array }
  /** No more calls are taken. */
  | { readonly type: "leave" }
  /** Other keys for new connections. */
  | { readonly type: "renew"; readonly material: TrustMaterial }
  | { readonly type: "close"; readonly graceMs: number };
