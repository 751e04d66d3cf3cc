/** A discovery as a user might write it: one object, no class, nothing of the library's but its types. */
import { EventEmitter, once } from "node:events";
import type { Discovery, DiscoveryEvent } from "../../src/discovery/discovery.ts";
import type { WorkerMetadata } from "../../src/wire/worker-metadata.ts";

/** Makes a discovery over a list in memory. */
export function handWrittenDiscovery(): Discovery {
  const workers = new Map<string, WorkerMetadata>();
  const changes = new EventEmitter().setMaxListeners(0);

  function change(event: DiscoveryEvent): void {
    if (event.type === "worker-dropped") workers.delete(event.worker.uid);
    else workers.set(event.worker.uid, event.worker);
    changes.emit("change", event);
  }

  return {
    publisher() {
      const announced = new Map<string, WorkerMetadata>();
      return {
        async publish(event) {
          if (event.type === "worker-dropped") announced.delete(event.worker.uid);
          else announced.set(event.worker.uid, event.worker);
          change(event);
        },
        async close() {
          for (const worker of announced.values()) change({ type: "worker-dropped", worker });
          announced.clear();
        },
      };
    },
    subscribe({ filter, signal } = {}) {
      return {
        [Symbol.asyncIterator]() {
          const over = new AbortController();
          const end = (): void => over.abort();
          if (signal?.aborted) end();
          signal?.addEventListener("abort", end);
          const events = read(over.signal, filter, () => signal?.removeEventListener("abort", end));
          return {
            next: () => events.next(),
            return: () => {
              end();
              return events.return(undefined);
            },
          };
        },
      };
    },
  };

  async function* read(
    over: AbortSignal,
    filter: (worker: WorkerMetadata) => boolean = () => true,
    ended: () => void,
  ): AsyncGenerator<DiscoveryEvent, undefined, undefined> {
    const passing = new Map<string, WorkerMetadata>();
    const queue = [...workers.values()].map((worker): DiscoveryEvent => ({ type: "worker-added", worker }));
    const onChange = (event: DiscoveryEvent): void => void queue.push(event);
    changes.on("change", onChange);
    try {
      while (!over.aborted) {
        const event = queue.shift();
        if (event === undefined) {
          await once(changes, "change", { signal: over }).catch(() => {});
          continue;
        }
        const { type, worker } = event;
        const before = passing.get(worker.uid);
        if (type !== "worker-dropped" && filter(worker)) {
          passing.set(worker.uid, worker);
          yield { type: before === undefined ? "worker-added" : "worker-updated", worker };
        } else if (before !== undefined) {
          passing.delete(worker.uid);
          yield { type: "worker-dropped", worker: type === "worker-dropped" ? worker : before };
        }
      }
    } finally {
      changes.off("change", onChange);
      ended();
    }
    return undefined;
  }
}
