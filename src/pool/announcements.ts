/**
 * Announces a pool's own workers: in the discovery that the pool was given or, without one, in a private one,
 * so that calls nested in its tasks find them. The pool works without: a failure only causes a warning, and a worker
 * that could not be announced is announced later.
 */
import type { Discovery, DiscoveryDescriptor, Publisher } from "../discovery/discovery.ts";
import { AdvertisementDirectory } from "../discovery/local/advertisement-directory.ts";
import { LocalDiscovery } from "../discovery/local/local-discovery.ts";
import { isNameable } from "../discovery/source-name.ts";
import { createDeferred } from "../internal/deferred.ts";
import { errorText } from "../internal/error-text.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { forgetAtExit, removeAtExit } from "../internal/remove-at-exit.ts";
import { type BackoffPolicy, backoffDelayMs } from "../internal/time/backoff.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { warn } from "../internal/warn.ts";
import { privateNamespace } from "../transport/unix/leftovers.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** How long a publisher may take to take back what it has announced: the pool's end cannot depend on a server's. */
const RETRACT_TIMEOUT_MS = 5_000;
/** When to announce again what could not be announced: a disk is full, a registry is away. */
const RETRY: BackoffPolicy = { baseMs: 1_000, factor: 1.6, maxMs: 30_000, jitter: 0.2 };

/** A worker that is to be known. */
interface Announcement {
  readonly worker: WorkerMetadata;
  failures: number;
  retry: DeadlineEntry | undefined;
}

/** The announcements of one pool. */
export class Announcements {
  #discovery: Discovery | undefined;
  /** The same discovery, if it is a private one. */
  readonly #private: LocalDiscovery | undefined;
  /** The directory of the announcements in it. */
  #directory: string | undefined;
  #publisher: Publisher | undefined;
  /** By uid. */
  readonly #wanted = new Map<string, Announcement>();
  readonly #queue: DeadlineQueue;

  /**
   * @param discovery Absent: a private one is made. `"later"`: it is told by {@link Announcements.use}.
   * @param queue Where time comes from; the shared one unless a test gives another.
   */
  constructor(discovery: Discovery | "later" | undefined, queue: DeadlineQueue = deadlines) {
    this.#queue = queue;
    if (discovery !== undefined) {
      this.#discovery = discovery === "later" ? undefined : discovery;
      return;
    }
    this.#private = new LocalDiscovery(privateNamespace());
    this.#discovery = this.#private;
  }

  /** The descriptor with which nested calls find the workers; absent: the discovery works in this process only. */
  get descriptor(): DiscoveryDescriptor | undefined {
    return this.#discovery?.descriptor;
  }

  /** The same, unless it is a private one: others, on other hosts perhaps, may name it. */
  get shared(): readonly DiscoveryDescriptor[] {
    const descriptor = this.#private === undefined ? this.descriptor : undefined;
    return descriptor !== undefined && isNameable(descriptor) ? [descriptor] : [];
  }

  /** Takes the discovery to announce in. */
  use(discovery: Discovery): void {
    this.#discovery = discovery;
  }

  /** Gets ready to announce. */
  open(): void {
    this.#publisher = this.#discovery?.publisher();
    if (this.#private === undefined) return;
    this.#directory = new AdvertisementDirectory(this.#private.namespace).path;
    removeAtExit(this.#directory);
  }

  /** Announces a change among the workers. Never rejects. */
  async announce(type: "worker-added" | "worker-dropped", worker: WorkerMetadata): Promise<void> {
    this.#forget(worker.uid);
    if (type === "worker-added") {
      const announcement: Announcement = { worker, failures: 0, retry: undefined };
      this.#wanted.set(worker.uid, announcement);
      return await this.#add(announcement);
    }
    try {
      await this.#publisher?.publish({ type, worker });
    } catch (error) {
      warn("MERINO_PUBLISH_FAILED", `Cannot take back the announcement of a worker: ${errorText(error)}`);
    }
  }

  /** Announces a worker once another one has been taken back, or that has taken long enough. Never rejects. */
  async replace(worker: WorkerMetadata, instead: WorkerMetadata | undefined): Promise<void> {
    const announcement: Announcement = { worker, failures: 0, retry: undefined };
    this.#wanted.set(worker.uid, announcement);
    if (instead !== undefined) {
      await waitAtMost(RETRACT_TIMEOUT_MS, this.announce("worker-dropped", instead), this.#queue);
    }
    if (this.#wanted.get(worker.uid) === announcement) await this.#add(announcement);
  }

  /** Retracts all announcements. Never rejects. */
  async retract(): Promise<void> {
    for (const uid of [...this.#wanted.keys()]) this.#forget(uid);
    try {
      await this.#closePublisher();
      if (this.#directory !== undefined) forgetAtExit(this.#directory);
    } catch (error) {
      // Whoever finds the record finds nobody behind it; the workers end all the same.
      warn("MERINO_PUBLISH_FAILED", `Cannot retract the workers of a pool: ${errorText(error)}`);
    }
  }

  async #add(announcement: Announcement): Promise<void> {
    const { worker } = announcement;
    try {
      // The publisher may be user code: an error thrown at once is treated like a rejection.
      await this.#publisher?.publish({ type: "worker-added", worker });
    } catch (error) {
      if (this.#wanted.get(worker.uid) !== announcement) return;
      announcement.failures += 1;
      // The pool's own calls do not need the announcement; other pools, and calls nested in tasks, do.
      if (announcement.failures === 1) {
        warn("MERINO_PUBLISH_FAILED", `Cannot publish a worker, trying again: ${errorText(error)}`);
      }
      announcement.retry = this.#queue.after(
        backoffDelayMs(announcement.failures, RETRY),
        () => void this.#add(announcement),
      );
    }
  }

  /** A worker is not to be known any more, or is to be announced anew. */
  #forget(uid: string): void {
    const retry = this.#wanted.get(uid)?.retry;
    if (retry !== undefined) this.#queue.cancel(retry);
    this.#wanted.delete(uid);
  }

  async #closePublisher(): Promise<void> {
    if (this.#publisher === undefined) return;
    const late = createDeferred<void>();
    keepAlive();
    const enough = deadlines.after(RETRACT_TIMEOUT_MS, () =>
      late.reject(new Error(`its publisher has not closed within ${RETRACT_TIMEOUT_MS} ms`)),
    );
    try {
      await Promise.race([this.#publisher.close(), late.promise]);
    } finally {
      deadlines.cancel(enough);
      letExit();
    }
  }
}
