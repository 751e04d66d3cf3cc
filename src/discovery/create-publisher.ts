/**
 * Keeps the announcements of one publisher, and the order in which its changes take effect.
 *
 * Changes are carried out one after another in the order of the calls; closing comes after them and retracts
 * all that is still announced. The medium carries out each change.
 */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { parseWorkerMetadata } from "../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { DiscoveryEvent, Publisher } from "./discovery.ts";

/** Where announcements go. */
export interface AnnouncementMedium {
  /** Makes the record known, in place of an earlier one of the same uid. */
  announce(worker: WorkerMetadata, type: "worker-added" | "worker-updated"): Promise<void> | void;
  /** Makes it unknown; one that is not known is left at that. */
  retract(worker: WorkerMetadata): Promise<void> | void;
  /** Closes the resources of the publisher. Called once, after everything has been retracted. */
  close?(): Promise<void> | void;
}

/**
 * Makes a publisher over a medium.
 *
 * `publish` rejects with {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for a malformed event and with
 * {@link PoolClosedError} (ERR_MERINO_POOL_CLOSED) after `close`, both the caller's fault. `close` rejects with
 * the first failure to retract, having tried all.
 */
export function createPublisher(medium: AnnouncementMedium, bindHost?: string): Publisher {
  const announced = new Map<string, WorkerMetadata>();
  let tail: Promise<void> = Promise.resolve();
  let closed: Promise<void> | undefined;

  async function carryOut(type: DiscoveryEvent["type"], worker: WorkerMetadata): Promise<void> {
    if (type === "worker-dropped") {
      await medium.retract(worker);
      announced.delete(worker.uid);
    } else {
      // Noted first: should it fail halfway, closing cleans up.
      announced.set(worker.uid, worker);
      await medium.announce(worker, type);
    }
  }

  async function retractAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const worker of announced.values()) {
      try {
        await medium.retract(worker);
      } catch (error) {
        failures.push(error);
      }
    }
    announced.clear();
    await medium.close?.();
    if (failures.length > 0) throw failures[0];
  }

  return {
    ...(bindHost === undefined ? undefined : { bindHost }),
    async publish(event) {
      if (closed !== undefined) throw new PoolClosedError("Cannot publish: the publisher is closed");
      const { type, worker } = parseEvent(event);
      const change = tail.then(() => carryOut(type, worker));
      // A failure concerns whoever asked for that change; the next one is carried out all the same.
      tail = change.catch(() => {});
      await change;
    },
    close() {
      closed ??= tail.then(retractAll);
      return closed;
    },
  };
}

function parseEvent(event: DiscoveryEvent): DiscoveryEvent {
  const { type } = event;
  if (type !== "worker-added" && type !== "worker-updated" && type !== "worker-dropped") {
    throw new InvalidOptionError("event.type", {
      value: type,
      expected: "'worker-added', 'worker-updated' or 'worker-dropped'",
    });
  }
  const worker = parseWorkerMetadata(event.worker, { unix: true });
  if (worker === undefined) {
    throw new InvalidOptionError("event.worker", {
      value: event.worker,
      expected: "a complete worker record",
    });
  }
  return { type, worker };
}
