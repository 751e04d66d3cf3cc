/** The proxies through which tasks of this worker call further routines, one per pool they came from. */
import { balancerFromDescriptor } from "../balancer/balancer-from-descriptor.ts";
import { decodeProxyDescriptor, type ProxyDescriptor } from "../client/proxy-descriptor.ts";
import { WorkerProxy } from "../client/worker-proxy.ts";
import type { Dispatcher } from "../context/dispatcher.ts";
import { discoveryFromDescriptor } from "../discovery/registered-kinds.ts";
import { NoActivePoolError } from "../errors/no-active-pool-error.ts";

/** Pools whose tasks one worker can serve with nested calls at a time. */
const MAX_PROXIES = 64;

/** Restores proxies from the descriptors that come with tasks. */
export class NestedProxies {
  /** The least recently restored first. */
  readonly #byId = new Map<string, WorkerProxy>();
  /** By the descriptor's bytes as the session holds them: one object per connection. */
  readonly #byBytes = new WeakMap<Uint8Array, WorkerProxy>();
  readonly #unresponsive: (uid: string, culprit: string) => void;

  /** @param unresponsive Told of a worker that does not answer after a nested call on it was cancelled. */
  constructor(unresponsive: (uid: string, culprit: string) => void) {
    this.#unresponsive = unresponsive;
  }

  /** Where calls go that a task with this descriptor makes. */
  dispatcher(descriptor: Uint8Array | undefined): Dispatcher | undefined {
    if (descriptor === undefined) return undefined;
    const known = this.#byBytes.get(descriptor);
    if (known !== undefined && this.#byId.get(known.id) === known) return known.dispatcher;
    return this.#restore(descriptor);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byId.values()].map((proxy) => proxy.close()));
    this.#byId.clear();
  }

  #restore(bytes: Uint8Array): Dispatcher {
    let descriptor: ProxyDescriptor;
    try {
      descriptor = decodeProxyDescriptor(bytes);
      const known = this.#byId.get(descriptor.id);
      if (known !== undefined) {
        this.#byId.delete(known.id);
        this.#keep(known, bytes);
        return known.dispatcher;
      }
      if (descriptor.discovery === undefined) return refusing(NOT_REBUILDABLE);
      if (this.#byId.size >= MAX_PROXIES && !this.#dropIdle()) {
        return refusing(
          `this worker already serves calls of ${MAX_PROXIES} pools; try again when some have ended`,
        );
      }
      const proxy = new WorkerProxy(
        {
          discovery: discoveryFromDescriptor(descriptor.discovery, { unix: true }),
          lease: descriptor.lease,
          balancer: balancerFromDescriptor(descriptor.balancer),
          quorum: 1,
          tags: descriptor.tags,
          killGrace: descriptor.killGraceMs,
        },
        { id: descriptor.id, unresponsive: this.#unresponsive },
      );
      void proxy.open(); // lazy: it only marks the proxy open, and cannot fail on a fresh one
      this.#keep(proxy, bytes);
      return proxy.dispatcher;
    } catch (error) {
      return refusing(error instanceof Error ? error.message : String(error));
    }
  }

  #keep(proxy: WorkerProxy, bytes: Uint8Array): void {
    this.#byId.set(proxy.id, proxy);
    this.#byBytes.set(bytes, proxy);
  }

  /** Makes room by closing the first proxy without calls; a later task restores it. Returns whether there was one. */
  #dropIdle(): boolean {
    for (const [id, proxy] of this.#byId) {
      if (proxy.unsettled > 0) continue;
      this.#byId.delete(id);
      void proxy.close(); // it has no calls to wait for, and its own failures are warnings
      return true;
    }
    return false;
  }
}

const NOT_REBUILDABLE =
  "the pool's discovery works in its own process only; give it a `descriptor`, or open a pool of its own in the routine";

/** Takes the place of a pool that cannot be reached from here: calls fail and say why. */
function refusing(why: string): Dispatcher {
  const refuse = (routine: string): Error =>
    new NoActivePoolError(`Cannot call '${routine}' from inside a task: ${why}`);
  return {
    call: ({ definition }) => Promise.reject(refuse(definition.id)),
    stream: ({ definition }) => {
      throw refuse(definition.id);
    },
  };
}
