/**
 * Connections for unary calls, shared by all who call the same address with the same settings, and kept for a
 * while after the last of them. Sessions are not among them: each has a connection of its own.
 */

import type { Trust } from "../../credentials/trust.ts";
import { processWide } from "../../internal/process-wide.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import { type ChannelOptions, DEFAULT_CHANNEL_OPTIONS } from "../../wire/channel-options.ts";
import { parseGrpcAddress } from "./address.ts";
import { GrpcChannel } from "./channel.ts";

/** How long a connection outlives its last user. */
const IDLE_MS = 60_000;

/** A connection as the pool needs it. */
export interface PooledChannel {
  /** Whether new calls may be made. */
  readonly usable: boolean;
  readonly closed: Promise<void>;
  destroy(error?: Error): void;
}

/** Connections with an equal key are interchangeable. */
export interface GrpcChannelKey {
  /** `host:port`, `[v6]:port` or `unix:/path`. */
  readonly address: string;
  /** The transport settings of the worker, as far as they are known. */
  readonly settings?: ChannelOptions | undefined;
  /** The credentials of this side; absent: none. */
  readonly trust?: Trust | undefined;
  /** The name that the worker has to present, if it is known. */
  readonly identity?: string | undefined;
}

/** The use of a connection. Disposing ends it; the connection may stay for others. */
export interface GrpcChannelUse<Channel> extends Disposable {
  readonly channel: Channel;
}

interface Entry<Channel> {
  readonly connecting: Promise<Channel>;
  /** Known once connected. */
  channel: Channel | undefined;
  users: number;
  expiry: DeadlineEntry | undefined;
}

/** Keyed, counted connections. */
export class GrpcChannelPool<Channel extends PooledChannel> {
  readonly #connect: (key: GrpcChannelKey) => Promise<Channel>;
  readonly #deadlines: DeadlineQueue;
  readonly #entries = new Map<string, Entry<Channel>>();

  /** @param connect Opens a connection, and gives up in bounded time. */
  constructor(connect: (key: GrpcChannelKey) => Promise<Channel>, queue: DeadlineQueue = deadlines) {
    this.#connect = connect;
    this.#deadlines = queue;
  }

  /** Connections that are open or being opened. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Gives a connection to use: one that is there, or one that is being opened, or a new one.
   *
   * @throws whatever `connect` throws. A failure is not remembered.
   */
  async acquire(key: GrpcChannelKey): Promise<GrpcChannelUse<Channel>> {
    const name = nameOf(key);
    let entry = this.#entries.get(name);
    if (entry?.channel !== undefined && !entry.channel.usable) {
      this.#forget(name, entry);
      // A peer that has announced its end may take its time; a connection without users is closed here.
      if (entry.users === 0) entry.channel.destroy();
      entry = undefined;
    }
    entry ??= this.#open(name, key);
    const used = entry;
    used.users += 1;
    if (used.expiry !== undefined) this.#deadlines.cancel(used.expiry);
    used.expiry = undefined;
    const channel = await used.connecting;
    let over = false;
    return {
      channel,
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        used.users -= 1;
        if (used.users > 0) return;
        // Forgotten while it was in use: nobody else will find it.
        if (this.#entries.get(name) !== used) channel.destroy();
        else {
          used.expiry = this.#deadlines.after(IDLE_MS, () => {
            this.#forget(name, used);
            channel.destroy();
          });
        }
      },
    };
  }

  /** Ends every connection and the calls on them; resolves when their descriptors are free. New ones may follow. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    for (const [name, entry] of [...this.#entries]) this.#forget(name, entry);
    await Promise.all(
      entries.map(async ({ connecting }) => {
        const channel = await connecting.catch(() => undefined);
        channel?.destroy();
        await channel?.closed;
      }),
    );
  }

  #open(name: string, key: GrpcChannelKey): Entry<Channel> {
    const connecting = this.#connect(key);
    const entry: Entry<Channel> = { connecting, channel: undefined, users: 0, expiry: undefined };
    this.#entries.set(name, entry);
    const forget = (): void => this.#forget(name, entry);
    connecting.then((channel) => {
      entry.channel = channel;
      channel.closed.then(forget, forget);
    }, forget);
    return entry;
  }

  #forget(name: string, entry: Entry<Channel>): void {
    if (entry.expiry !== undefined) this.#deadlines.cancel(entry.expiry);
    entry.expiry = undefined;
    if (this.#entries.get(name) === entry) this.#entries.delete(name);
  }
}

/** The pool of this process. */
export const grpcChannels: GrpcChannelPool<GrpcChannel> = processWide(
  "grpc-channels",
  () =>
    new GrpcChannelPool(async ({ address, settings = {}, trust, identity }) =>
      GrpcChannel.connect(parseGrpcAddress(address), {
        keepaliveTimeMs: settings.keepaliveTime,
        keepaliveTimeoutMs: settings.keepaliveTimeout,
        trust,
        identity,
      }),
    ),
);

function nameOf({ address, settings, trust, identity }: GrpcChannelKey): string {
  const { keepaliveTime, keepaliveTimeout } = { ...DEFAULT_CHANNEL_OPTIONS, ...settings };
  return JSON.stringify([address, keepaliveTime, keepaliveTimeout, trust?.key ?? null, identity ?? null]);
}
