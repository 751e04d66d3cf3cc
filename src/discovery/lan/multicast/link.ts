/**
 * The networks that a publisher or a watch is on: a socket for each, opened and closed as interfaces come and go.
 * No trouble with one of them ends it; it says so and tries again.
 */
import { networkInterfaces } from "node:os";
import { type Clock, systemClock } from "../../../internal/time/clock.ts";
import { complain } from "../warnings.ts";
import { type Endpoint, LanEndpoint, type LanSource } from "./endpoint.ts";
import { type LanInterface, selectInterfaces } from "./interface.ts";
import type { LanPacket } from "./packet.ts";

/** What happens on the networks. */
export interface LinkListener {
  /** A network can be used from now on. */
  up(endpoint: Endpoint): void;
  packet(packet: LanPacket, endpoint: Endpoint, source: LanSource): void;
}

/** A set of networks. */
export interface Link {
  /** Opens what there is. Resolves when that has been tried; never rejects. */
  open(): Promise<void>;
  readonly endpoints: Iterable<Endpoint>;
  /** Closes the sockets. Idempotent. */
  close(): Promise<void>;
}

/** Which networks. */
export interface LinkOptions {
  readonly interfaces: readonly string[] | undefined;
  readonly port: number;
  readonly clock?: Clock;
}

/** Nothing tells of interfaces that come and go. */
const LOOK_INTERVAL_MS = 5_000;

/** The networks of this host. */
export class LanLink implements Link {
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  readonly #listener: LinkListener;
  readonly #endpoints = new Map<string, LanEndpoint>();
  #looking: Promise<void> | undefined;
  #next: Disposable | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: LinkOptions, listener: LinkListener) {
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
    const faces = this.#interfaces();
    const wanted = new Set(faces.map(({ key }) => key));
    const opening = faces.filter(({ key }) => !this.#endpoints.has(key)).map((face) => this.#openOne(face));
    const closing = Array.from(this.#endpoints, async ([key, endpoint]) => {
      if (wanted.has(key)) return;
      this.#endpoints.delete(key);
      await endpoint.close();
    });
    await Promise.all([...opening, ...closing]);
  }

  #interfaces(): readonly LanInterface[] {
    const { interfaces } = this.#options;
    try {
      const faces = selectInterfaces(networkInterfaces(), interfaces);
      if (faces.length === 0) {
        this.#say(
          "interfaces",
          interfaces === undefined
            ? "There is no network: nobody is found and nobody finds this host until there is one"
            : `There is no interface '${interfaces.join("', '")}' now: nobody is found on it until there is`,
        );
      }
      return faces;
    } catch (error) {
      // Out of descriptors, say. What is open stays open.
      this.#say("interfaces", `Cannot list the network interfaces, trying again: ${String(error)}`);
      return Array.from(this.#endpoints.values(), ({ face }) => face);
    }
  }

  async #openOne(face: LanInterface): Promise<void> {
    const { port } = this.#options;
    try {
      const multicastDns = await import("multicast-dns");
      const endpoint = await LanEndpoint.open(multicastDns.default, face, {
        port,
        listener: {
          packet: (packet, source) => this.#listener.packet(packet, endpoint, source),
          garbage: (source) => this.#garbage(source),
          failed: (error) => this.#failed(face, error),
        },
      });
      this.#endpoints.set(face.key, endpoint);
      this.#listener.up(endpoint);
    } catch (error) {
      this.#failed(face, error);
    }
  }

  /** Also of a socket that has worked so far: it is opened afresh at the next look. */
  #failed(face: LanInterface, error: unknown): void {
    const { port } = this.#options;
    this.#say(
      `${face.name}/${face.family}`,
      `Cannot use multicast DNS on '${face.name}' (IPv${face.family}, port ${port}), trying again: ${String(error)}`,
    );
    const endpoint = this.#endpoints.get(face.key);
    if (endpoint === undefined) return;
    this.#endpoints.delete(face.key);
    void endpoint.close();
  }

  #garbage({ address }: LanSource): void {
    complain({
      code: "MERINO_BAD_ADVERTISEMENT",
      about: `packets of ${address}`,
      text: `Ignoring packets from ${address} on the port of multicast DNS that are no DNS messages`,
    });
  }

  #say(about: string, text: string): void {
    complain({ code: "MERINO_DISCOVERY", about, text });
  }
}

/** Sends by one network; a failure is told, not thrown, since the next sending may succeed. */
export async function sendQuietly(endpoint: Endpoint, ...args: Parameters<Endpoint["send"]>): Promise<void> {
  try {
    await endpoint.send(...args);
  } catch (error) {
    complain({
      code: "MERINO_DISCOVERY",
      about: `sending by ${endpoint.face.name}`,
      text: `Cannot send by '${endpoint.face.name}' (IPv${endpoint.face.family}), trying again: ${String(error)}`,
    });
  }
}
