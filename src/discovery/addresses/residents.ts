/**
 * Which worker is at which address, and the events that follow from that: a worker is reported once, under
 * the address at which it was found first, however many addresses lead to it.
 */
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "../discovery.ts";

/** An address, and who is there. */
export interface AddressHome {
  readonly address: string;
  /** Undefined: nobody yet, or gone. Changed by {@link AddressResidents.settle} alone. */
  worker: WorkerMetadata | undefined;
}

/** Workers and where they are. */
export class AddressResidents {
  readonly #report: (event: DiscoveryEvent) => void;
  /** By uid, in the order in which they were found. */
  readonly #homes = new Map<string, Set<AddressHome>>();
  /** Records last reported, by uid. */
  readonly #reported = new Map<string, WorkerMetadata>();

  constructor(report: (event: DiscoveryEvent) => void) {
    this.#report = report;
  }

  /** Notes who is at an address now, and reports what that changes. */
  settle(home: AddressHome, worker: WorkerMetadata | undefined): void {
    const previous = home.worker;
    home.worker = worker;
    if (previous !== undefined && previous.uid !== worker?.uid) {
      this.#homes.get(previous.uid)?.delete(home);
      this.#tell(previous.uid);
    }
    if (worker === undefined) return;
    const homes = this.#homes.get(worker.uid) ?? new Set();
    this.#homes.set(worker.uid, homes.add(home));
    this.#tell(worker.uid);
  }

  #tell(uid: string): void {
    const before = this.#reported.get(uid);
    // The longest-standing one: another worker that claims the uid cannot take it over from an address that
    // goes on serving.
    const [first] = this.#homes.get(uid) ?? [];
    const worker = first?.worker;
    if (worker === undefined) {
      this.#homes.delete(uid);
      this.#reported.delete(uid);
      if (before !== undefined) this.#report({ type: "worker-dropped", worker: before });
      return;
    }
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(worker)) return;
    this.#reported.set(uid, worker);
    this.#report({ type: before === undefined ? "worker-added" : "worker-updated", worker });
  }
}
