/**
 * All networks that a publisher or a watch uses, with a multicast socket for each, opened and closed as interfaces come
 * and go.
 * An error on one network ends nothing: it is reported, and the network is tried again.
 */
import { networkInterfaces } from "node:os";
import { errorText } from "../../../internal/error-text.ts";
import { type Clock, systemClock } from "../../../internal/time/clock.ts";
import { warnOnLan } from "../warnings.ts";
import { type Endpoint, LanEndpoint, type LanSource } from "./endpoint.ts";
import { type LanInterface, selectInterfaces } from "./interface.ts";
import type { LanPacket } from "./packet.ts";

/** Events on the networks. */
export interface NetworksListener {
  /** A network can be used from now on. */
  up(endpoint: Endpoint): void;
  packet(packet: LanPacket, endpoint: Endpoint, source: LanSource): void;
}

/** A set of networks. */
export interface Networks {
  /** Opens a socket on every interface that is wanted. Resolves when each has been tried; never rejects. */
  open(): Promise<void>;
  readonly endpoints: Iterable<Endpoint>;
  /** Closes the sockets. Idempotent. */
  close(): Promise<void>;
}

/** Which networks. */
export interface LanNetworksOptions {
  readonly interfaces: readonly string[] | undefined;
  readonly port: number;
  readonly clock?: Clock;
}

/** How often to look for interfaces that have come or gone, since the system does not report that. */
const LOOK_INTERVAL_MS = 5_000;

/** The networks of this host. */
export class LanNetworks implements Networks {
  readonly #options: LanNetworksOptions;
  readonly #clock: Clock;
  readonly #listener: NetworksListener;
  readonly #endpoints = new Map<string, LanEndpoint>();
  #looking: Promise<void> | undefined;
  #next: Disposable | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: LanNetworksOptions, listener: NetworksListener) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#listener = listener;
  }

  get endpoints(): Iterable<Endpoint> {
    return this.#endpoints.values();
  }

  open(): Promise<void> {
    return this.#look();
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#next?.[Symbol.dispose]();
      await this.#looking;
      await Promise.all(Array.from(this.#endpoints.values(), (endpoint) => endpoint.close()));
      this.#endpoints.clear();
    })();
    return this.#closed;
  }

  /** Brings the sockets in line with the interfaces, now and from time to time. */
  #look(): Promise<void> {
    this.#looking ??= this.#bringInLine().finally(() => {
      this.#looking = undefined;
      if (this.#closed !== undefined) return;
      this.#next = this.#clock.setTimeout(() => void this.#look(), LOOK_INTERVAL_MS);
    });
    return this.#looking;
  }

  async #bringInLine(): Promise<void> {
    const interfaces = this.#interfaces();
    const wanted = new Set(interfaces.map(({ key }) => key));
    const opening = interfaces
      .filter(({ key }) => !this.#endpoints.has(key))
      .map((lanInterface) => this.#openOne(lanInterface));
    const closing = Array.from(this.#endpoints, async ([key, endpoint]) => {
      if (wanted.has(key)) return;
      this.#endpoints.delete(key);
      await endpoint.close();
    });
    await Promise.all([...opening, ...closing]);
  }

  #interfaces(): readonly LanInterface[] {
    const wanted = this.#options.interfaces;
    try {
      const interfaces = selectInterfaces(networkInterfaces(), wanted);
      if (interfaces.length === 0) {
        this.#warn(
          "interfaces",
          wanted === undefined
            ? "No network interface is available: this host cannot find workers or be found until one is"
            : `None of the interfaces '${wanted.join("', '")}' is available; no workers are found or announced there until one is`,
        );
      }
      return interfaces;
    } catch (error) {
      // Listing can fail, for example when file descriptors run out. Sockets that are open stay open.
      this.#warn("interfaces", `Cannot list the network interfaces, trying again: ${errorText(error)}`);
      return Array.from(this.#endpoints.values(), (endpoint) => endpoint.interface);
    }
  }

  async #openOne(lanInterface: LanInterface): Promise<void> {
    const { port } = this.#options;
    try {
      const multicastDns = await import("multicast-dns");
      const endpoint = await LanEndpoint.open(multicastDns.default, lanInterface, {
        port,
        listener: {
          packet: (packet, source) => this.#listener.packet(packet, endpoint, source),
          garbage: (source) => this.#garbage(source),
          failed: (error) => this.#failed(lanInterface, error),
        },
      });
      this.#endpoints.set(lanInterface.key, endpoint);
      this.#listener.up(endpoint);
    } catch (error) {
      this.#failed(lanInterface, error);
    }
  }

  /** A socket cannot be opened, or fails later. The next look opens a new one. */
  #failed({ name, family, key }: LanInterface, error: unknown): void {
    const { port } = this.#options;
    this.#warn(
      `${name}/${family}`,
      `Cannot use multicast DNS on '${name}' (IPv${family}, port ${port}), trying again: ${errorText(error)}`,
    );
    const endpoint = this.#endpoints.get(key);
    if (endpoint === undefined) return;
    this.#endpoints.delete(key);
    void endpoint.close();
  }

  #garbage({ address }: LanSource): void {
    warnOnLan({
      code: "MERINO_BAD_ADVERTISEMENT",
      about: `packets of ${address}`,
      text: `Ignoring packets from ${address} to the port of multicast DNS: they are not DNS messages`,
    });
  }

  #warn(about: string, text: string): void {
    warnOnLan({ code: "MERINO_DISCOVERY", about, text });
  }
}

/** Sends on one network. A failure is reported, not thrown: a later packet may get through. */
export async function sendQuietly(endpoint: Endpoint, ...args: Parameters<Endpoint["send"]>): Promise<void> {
  try {
    await endpoint.send(...args);
  } catch (error) {
    const { name, family } = endpoint.interface;
    warnOnLan({
      code: "MERINO_DISCOVERY",
      about: `sending by ${name}`,
      text: `Cannot send on '${name}' (IPv${family}), going on with the next packet: ${errorText(error)}`,
    });
  }
}
