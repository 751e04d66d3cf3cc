/**
 * Where the workers of a pool are announced: in its discovery or, without one, in a private one; and those that have no
 * address for others, threads that is, in a private one in any case, which only the workers of the pool look at.
 */
import type { Discovery, DiscoveryDescriptor } from "../discovery/discovery.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { Announcements } from "./announcements.ts";

/** All announcements of one pool. */
export class OwnAnnouncements {
  readonly #main: Announcements;
  /** Beside the pool's own discovery; absent if there is none, or every worker may be found there. */
  readonly #hidden: Announcements | undefined;
  /** Workers that are announced, and where, by uid. */
  readonly #places = new Map<string, Announcements>();

  /**
   * @param discovery Absent: a private one is made. `"later"`: it is told by {@link OwnAnnouncements.use}.
   * @param mayHide Whether there may be workers that only the pool's own find.
   */
  constructor(discovery: Discovery | "later" | undefined, mayHide: boolean) {
    this.#main = new Announcements(discovery);
    if (mayHide && discovery !== undefined) this.#hidden = new Announcements(undefined);
  }

  /** The descriptor with which nested calls find the workers; absent: the discovery works in this process only. */
  get descriptor(): DiscoveryDescriptor | undefined {
    return this.#main.descriptor;
  }

  /** The same, unless it is a private one: others, on other hosts perhaps, may name it. */
  get shared(): readonly DiscoveryDescriptor[] {
    return this.#main.shared;
  }

  /** Where the pool's workers find those besides that others do not. */
  get siblings(): DiscoveryDescriptor | undefined {
    return this.#hidden?.descriptor;
  }

  /** Takes the discovery to announce in. */
  use(discovery: Discovery): void {
    this.#main.use(discovery);
  }

  /** Gets ready to announce. */
  open(): void {
    this.#main.open();
    this.#hidden?.open();
  }

  /** @param hidden Whether only workers of the pool are to find it. */
  add(worker: WorkerMetadata, hidden: boolean): void {
    const place = hidden ? (this.#hidden ?? this.#main) : this.#main;
    this.#places.set(worker.uid, place);
    void place.announce("worker-added", worker);
  }

  /** Takes one back, if it is announced. */
  drop(worker: WorkerMetadata): void {
    const place = this.#forget(worker.uid);
    if (place !== undefined) void place.announce("worker-dropped", worker);
  }

  /** Announces one in the place of another, which is taken back first: nobody finds both. */
  swap(worker: WorkerMetadata, hidden: boolean, instead: WorkerMetadata): void {
    const place = hidden ? (this.#hidden ?? this.#main) : this.#main;
    this.#places.set(worker.uid, place);
    const before = this.#forget(instead.uid);
    void place.replace(worker, before === undefined ? undefined : instead);
  }

  /** Retracts all of them. Never rejects. */
  async retract(): Promise<void> {
    this.#places.clear();
    await Promise.all([this.#main.retract(), this.#hidden?.retract()]);
  }

  #forget(uid: string): Announcements | undefined {
    const place = this.#places.get(uid);
    this.#places.delete(uid);
    return place;
  }
}
