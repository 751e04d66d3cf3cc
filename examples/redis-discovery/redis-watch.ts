/**
 * Follows what Redis says about the workers of a namespace. Messages on the channel only say where to look;
 * the keys are the truth, and all of them are read again at intervals, because keys lapse without a message.
 */
import type { WorkerMetadata } from "merino";
import { type RedisClient, RedisConnection } from "./redis-connection.ts";
import { isUid, parseRecord, type RedisLayout, redisLayout } from "./redis-layout.ts";
import type { RedisDiscoverySettings } from "./redis-settings.ts";

/** What has become of a worker: its record, or `undefined` for one that is gone. */
export interface Change {
  readonly uid: string;
  readonly worker: WorkerMetadata | undefined;
}

/** More workers than that are not looked at: nobody's memory is for a set that somebody else fills. */
const MAX_WORKERS = 10_000;

/** Collects changes, at most one per worker, until they are taken. */
export class RedisWatch {
  readonly #settings: RedisDiscoverySettings;
  readonly #layout: RedisLayout;
  readonly #connection: RedisConnection;
  readonly #polling: NodeJS.Timeout;
  readonly #signal: AbortSignal;
  /** The text last read of each worker that is known, or whose record was skipped. */
  readonly #texts = new Map<string, string>();
  readonly #changes = new Map<string, Change>();
  #wake: (() => void) | undefined;
  #connectedAt = 0;
  #refused = false;

  /** @param signal Ends the watch and closes its connection. */
  constructor(settings: RedisDiscoverySettings, signal: AbortSignal) {
    const { url, namespace, ttlMs } = settings;
    this.#settings = settings;
    this.#layout = redisLayout(namespace);
    this.#signal = signal;
    this.#connection = new RedisConnection({
      url,
      silenceMs: ttlMs,
      longestPauseMs: ttlMs / 4,
      ready: (client) => this.#begin(client),
    });
    this.#polling = setInterval(() => this.#readAll(), ttlMs / 3).unref();
    signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** Resolves with the next change, or with `undefined` when the watch has ended. One reader at a time. */
  async next(): Promise<Change | undefined> {
    for (;;) {
      if (this.#signal.aborted) return undefined;
      const [first] = this.#changes.values();
      if (first !== undefined) {
        this.#changes.delete(first.uid);
        return first;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #end(): void {
    clearInterval(this.#polling);
    this.#connection.close();
    this.#wake?.();
  }

  #begin(client: RedisClient): void {
    this.#connectedAt = performance.now();
    client.subscribe(this.#layout.channel, this.#onHint).catch(() => {}); // Interrupted: again with the next client.
    this.#readAll();
  }

  readonly #onHint = (uid: string): void => {
    const { client } = this.#connection;
    if (client === undefined || !isUid(uid)) return;
    client.get(this.#layout.worker(uid)).then(
      (text) => this.#note(uid, text, "told"),
      () => {}, // Interrupted: everything is read when the connection stands.
    );
  };

  #readAll(): void {
    const { client } = this.#connection;
    if (client === undefined) return;
    this.#read(client).catch((error: Error) => {
      // Interrupted: likewise. Otherwise Redis has refused, and will again.
      if (!client.isReady || this.#refused || this.#signal.aborted) return;
      this.#refused = true;
      process.emitWarning(`Redis refuses to list the workers of '${this.#layout.index}': ${error.message}`, {
        code: "REDIS_DISCOVERY_REFUSED",
      });
    });
  }

  async #read(client: RedisClient): Promise<void> {
    const { index, worker: keyOf } = this.#layout;
    const listed = (await client.sMembers(index)).filter(isUid).slice(0, MAX_WORKERS);
    // Known ones are asked for as well: the set is only an index, and may have been lost.
    const uids = [...new Set([...listed, ...this.#texts.keys()])]; // in this order
    if (uids.length === 0) return;
    const texts = await client.mGet(uids.map(keyOf));
    const lapsed = listed.filter((_, position) => (texts[position] ?? null) === null);
    for (const [position, uid] of uids.entries()) this.#note(uid, texts[position] ?? null, "found");
    if (lapsed.length > 0) await client.sRem(index, lapsed);
  }

  /** Takes what stands under a worker's key: `null` if nothing does. */
  #note(uid: string, text: string | null, how: "told" | "found"): void {
    const before = this.#texts.get(uid);
    if (this.#signal.aborted || (text ?? undefined) === before) return;
    if (text === null) {
      // A Redis that has just come back may be empty until the publishers have noticed that it is there.
      const settled = performance.now() - this.#connectedAt > this.#settings.ttlMs;
      if (how === "found" && !settled) return;
      this.#texts.delete(uid);
      this.#put({ uid, worker: undefined });
      return;
    }
    if (before === undefined && this.#texts.size >= MAX_WORKERS) return;
    this.#texts.set(uid, text);
    const worker = parseRecord(text, uid, this.#settings.sameHost);
    if (worker === undefined) {
      // Once per text: it is not looked at again until it changes.
      process.emitWarning(
        `What Redis has under '${this.#layout.worker(uid)}' is no record of a worker; skipped`,
        {
          code: "REDIS_DISCOVERY_MALFORMED",
        },
      );
    }
    this.#put({ uid, worker });
  }

  #put(change: Change): void {
    this.#changes.set(change.uid, change);
    this.#wake?.();
  }
}
