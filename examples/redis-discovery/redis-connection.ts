/**
 * A connection to Redis that comes back by itself. It never keeps the process alive, replaces a connection
 * that has fallen silent, and says once per interruption that there is one.
 */
import { createClient } from "redis";

/** Commands reject while it is not connected; nothing is queued. */
export type RedisClient = ReturnType<typeof makeClient>;

/** How to connect. */
export interface RedisConnectionOptions {
  readonly url: string;
  /** Milliseconds that the server may take to answer; after that the connection counts as lost. */
  readonly silenceMs: number;
  /** Longest pause between two attempts, in milliseconds. */
  readonly longestPauseMs: number;
  /** Called each time the connection stands, also after an interruption. */
  readonly ready: (client: RedisClient) => void;
}

/** Connects, and connects again, until it is closed. */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #waiting = new Set<(client: RedisClient) => void>();
  #client: RedisClient;
  #retry: NodeJS.Timeout | undefined;
  #attempts = 0;
  #pinged = false;
  #reported = false;
  #closed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#client = this.#connect();
    this.#heartbeat = setInterval(() => this.#beat(), options.silenceMs).unref();
  }

  /** The client, if it is connected now. */
  get client(): RedisClient | undefined {
    return this.#client.isReady ? this.#client : undefined;
  }

  /** Resolves with a connected client; rejects if there is none for so long. */
  connected(timeoutMs: number): Promise<RedisClient> {
    if (this.client !== undefined) return Promise.resolve(this.client);
    return new Promise((resolve, reject) => {
      const wake = (client: RedisClient): void => {
        clearTimeout(timer);
        resolve(client);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(wake);
        reject(new Error(`Redis at ${this.#place} has not answered for ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.add(wake);
    });
  }

  /** Disconnects at once. Commands that have not been answered reject. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#retry);
    this.#client.destroy();
  }

  #connect(): RedisClient {
    const client = makeClient(this.#options);
    client.on("ready", () => this.#ready(client));
    client.on("error", (error: Error) => this.#lost(client, error.message || String(error)));
    client.unref();
    client.connect().catch(() => {}); // Told by the event as well.
    return client;
  }

  #ready(client: RedisClient): void {
    this.#reported = false;
    this.#pinged = false;
    this.#attempts = 0;
    for (const wake of this.#waiting) wake(client);
    this.#waiting.clear();
    this.#options.ready(client);
  }

  /** Gives a client up. Another one takes its place, after a pause that grows from attempt to attempt. */
  #lost(client: RedisClient, reason: string): void {
    if (this.#closed || client !== this.#client || this.#retry !== undefined) return;
    this.#report(reason);
    client.destroy();
    const pauseMs = Math.min(20 * 2 ** Math.min(this.#attempts, 10), this.#options.longestPauseMs);
    this.#attempts += 1;
    // The client could try again by itself, but the process would not end while it does.
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#client = this.#connect();
    }, pauseMs).unref();
  }

  /** A peer that vanished without a word leaves a connection on which commands wait for ever. */
  #beat(): void {
    if (this.#pinged) {
      this.#pinged = false;
      this.#lost(this.#client, `no answer for ${this.#options.silenceMs} ms`);
    } else if (this.#client.isReady) {
      this.#pinged = true;
      this.#client.ping().then(
        () => {
          this.#pinged = false;
        },
        () => {}, // interrupted, which is being mended
      );
    }
  }

  #report(reason: string): void {
    if (this.#reported) return;
    this.#reported = true;
    process.emitWarning(`Cannot reach Redis at ${this.#place}: ${reason}; trying again`, {
      code: "REDIS_DISCOVERY_OFFLINE",
    });
  }

  /** Without user and password. */
  get #place(): string {
    return new URL(this.#options.url).host;
  }
}

function makeClient({ url, silenceMs }: RedisConnectionOptions) {
  return createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: silenceMs, reconnectStrategy: false },
  });
}
