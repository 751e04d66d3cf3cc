/**
 * Announces workers in Redis. A record lives for the time to live and is written three times within it, so
 * it vanishes when its publisher is killed, and comes back when Redis has been restarted empty.
 */
import {
  type DiscoveryEvent,
  InvalidOptionError,
  PoolClosedError,
  type Publisher,
  type WorkerMetadata,
} from "merino";
import { type RedisClient, RedisConnection } from "./redis-connection.ts";
import { checkRecord, type RedisLayout, redisLayout } from "./redis-layout.ts";
import type { RedisDiscoverySettings } from "./redis-settings.ts";

/** Milliseconds that a change waits for a connection to Redis before its promise rejects. */
const CONNECT_TIMEOUT_MS = 5_000;
/** The same when closing: a program that ends has less patience, and records lapse by themselves. */
const CLOSE_TIMEOUT_MS = 1_000;

/** A publisher with a connection of its own, made when the first worker is announced. */
export class RedisPublisher implements Publisher {
  readonly #settings: RedisDiscoverySettings;
  readonly #layout: RedisLayout;
  /** What is to be known, whether or not Redis can be reached now. */
  readonly #announced = new Map<string, WorkerMetadata>();
  #connection: RedisConnection | undefined;
  #refresh: NodeJS.Timeout | undefined;
  /** Settles when everything published so far has been carried out or has failed. */
  #tail: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(settings: RedisDiscoverySettings) {
    this.#settings = settings;
    this.#layout = redisLayout(settings.namespace);
  }

  /**
   * Announces, refreshes or retracts a worker.
   *
   * Rejects if Redis cannot be reached. The change is not lost then: what was announced is written as soon
   * as Redis is back, and what was retracted lapses.
   *
   * @throws {@link InvalidOptionError} for an event that is none, and for a worker that only its own host can reach.
   * @throws {@link PoolClosedError} after `close()`.
   */
  async publish(event: DiscoveryEvent): Promise<void> {
    if (this.#closed !== undefined) throw new PoolClosedError("Cannot publish: the publisher is closed");
    const { type, worker } = this.#check(event);
    const change = this.#tail.then(() =>
      keepingAlive(
        type === "worker-dropped" ? this.#retract([worker.uid], CONNECT_TIMEOUT_MS) : this.#announce(worker),
      ),
    );
    this.#tail = change.catch(() => {}); // Told to whoever published; the next change does not care.
    await change;
  }

  /** Retracts everything announced here, if Redis can be reached, and disconnects. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#tail.then(async () => {
      try {
        await keepingAlive(this.#retract([...this.#announced.keys()], CLOSE_TIMEOUT_MS));
      } catch {
        // Out of reach. The records lapse by themselves.
      } finally {
        clearInterval(this.#refresh);
        this.#connection?.close();
      }
    });
    return this.#closed;
  }

  #check(event: DiscoveryEvent): DiscoveryEvent {
    const { type } = event;
    if (type !== "worker-added" && type !== "worker-updated" && type !== "worker-dropped") {
      throw new InvalidOptionError("event.type", {
        value: type,
        expected: "'worker-added', 'worker-updated' or 'worker-dropped'",
      });
    }
    const { sameHost } = this.#settings;
    const worker = checkRecord(event.worker, sameHost);
    if (worker === undefined) {
      throw new InvalidOptionError("event.worker", {
        value: event.worker,
        expected: sameHost
          ? "a complete worker record"
          : "a complete record of a worker with a network address; for Unix sockets set the option sameHost",
      });
    }
    return { type, worker };
  }

  async #announce(worker: WorkerMetadata): Promise<void> {
    this.#announced.set(worker.uid, worker);
    const client = await this.#connect().connected(CONNECT_TIMEOUT_MS);
    await this.#write(client, [worker], "hint");
  }

  async #retract(uids: readonly string[], timeoutMs: number): Promise<void> {
    for (const uid of uids) this.#announced.delete(uid);
    if (uids.length === 0) return;
    const client = await this.#connect().connected(timeoutMs);
    const { index, channel, worker: keyOf } = this.#layout;
    const transaction = client.multi();
    for (const uid of uids) transaction.del(keyOf(uid)).sRem(index, uid).publish(channel, uid);
    await transaction.exec();
  }

  /** Gives records another time to live. Without a hint when they have not changed: that is news to nobody. */
  async #write(
    client: RedisClient,
    workers: Iterable<WorkerMetadata>,
    hint: "hint" | "quiet",
  ): Promise<void> {
    const { ttlMs } = this.#settings;
    const { index, channel, worker: keyOf } = this.#layout;
    const transaction = client.multi();
    for (const worker of workers) {
      const { uid } = worker;
      transaction.set(keyOf(uid), JSON.stringify(worker), { expiration: { type: "PX", value: ttlMs } });
      transaction.sAdd(index, uid);
      if (hint === "hint") transaction.publish(channel, uid);
    }
    // Outlives the records, and yet a namespace that nobody uses any more leaves nothing.
    transaction.pExpire(index, 10 * ttlMs);
    await transaction.exec();
  }

  #connect(): RedisConnection {
    const { url, ttlMs } = this.#settings;
    this.#refresh ??= setInterval(() => this.#writeAll("quiet"), ttlMs / 3).unref();
    this.#connection ??= new RedisConnection({
      url,
      silenceMs: ttlMs,
      longestPauseMs: ttlMs / 4,
      // After an interruption Redis may know nothing any more.
      ready: () => this.#writeAll("hint"),
    });
    return this.#connection;
  }

  #writeAll(hint: "hint" | "quiet"): void {
    const client = this.#connection?.client;
    if (client === undefined || this.#announced.size === 0) return;
    // Interrupted: it is all written again when the connection stands.
    this.#write(client, this.#announced.values(), hint).catch(() => {});
  }
}

/** The connection alone does not keep the process alive, and nothing else may when a program is about to end. */
async function keepingAlive(exchange: Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, 60_000);
  try {
    await exchange;
  } finally {
    clearInterval(timer);
  }
}
