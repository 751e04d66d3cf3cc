/**
 * Announces a pool's own workers: in the discovery that the pool was given or, without one, in a private one,
 * so that calls nested in its tasks find them. The pool works without: a failure only causes a warning.
 */
import type { Discovery, DiscoveryDescriptor, Publisher } from "../discovery/discovery.ts";
import { AdvertisementDirectory } from "../discovery/local/advertisement-directory.ts";
import { LocalDiscovery } from "../discovery/local/local-discovery.ts";
import { isNameable } from "../discovery/source-name.ts";
import { createDeferred } from "../internal/deferred.ts";
import { errorText } from "../internal/error-text.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { forgetAtExit, removeAtExit } from "../internal/remove-at-exit.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import { warn } from "../internal/warn.ts";
import { privateNamespace } from "../transport/unix/leftovers.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** How long a publisher may take to take back what it has announced: the pool's end cannot depend on a server's. */
const RETRACT_TIMEOUT_MS = 5_000;

/** The announcements of one pool. */
export class Announcements {
  #discovery: Discovery | undefined;
  /** The same discovery, if it is a private one. */
  readonly #private: LocalDiscovery | undefined;
  /** The directory of the announcements in it. */
  #directory: string | undefined;
  #publisher: Publisher | undefined;

  /** @param discovery Absent: a private one is made. `"later"`: it is told by {@link Announcements.use}. */
  constructor(discovery: Discovery | "later" | undefined) {
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
    try {
      // The publisher may be user code: an error thrown at once is treated like a rejection.
      await this.#publisher?.publish({ type, worker });
    } catch (error) {
      // The pool's own calls do not need the announcement; other pools, and calls nested in tasks, do.
      warn("MERINO_PUBLISH_FAILED", `Cannot publish a worker: ${errorText(error)}`);
    }
  }

  /** Retracts all announcements. Never rejects. */
  async retract(): Promise<void> {
    try {
      await this.#closePublisher();
      if (this.#directory !== undefined) forgetAtExit(this.#directory);
    } catch (error) {
      // Whoever finds the record finds nobody behind it; the workers end all the same.
      warn("MERINO_PUBLISH_FAILED", `Cannot retract the workers of a pool: ${errorText(error)}`);
    }
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
