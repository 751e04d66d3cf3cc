/**
 * The announcing side of multicast DNS for one publisher: announces at once and again, repeats the
 * announcements before they lapse, and takes them back when workers go. Every announcement goes out by every
 * interface, under the addresses of that interface. `responder.ts` answers questions, from the announcements
 * kept here.
 */

import { type Clock, systemClock } from "../../internal/time/clock.ts";
import { pause } from "../../internal/time/wait.ts";
import { warn } from "../../internal/warn.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { AnnouncementMedium } from "../create-publisher.ts";
import { createAdvertisement, type LanAdvertisement, recordsOf } from "./advertisement.ts";
import type { Endpoint, LanSource } from "./multicast/endpoint.ts";
import { type Networks, type NetworksListener, sendQuietly } from "./multicast/networks.ts";
import { type LanPacket, type LanRecord, packRecords } from "./multicast/packet.ts";
import { LanResponder } from "./responder.ts";
import { warnOnLan } from "./warnings.ts";

/** Parts and settings of an announcer. */
export interface LanAnnouncerOptions {
  readonly namespace: string;
  readonly advertise: string | undefined;
  readonly port: number;
  readonly lifetimeMs: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Records may be lost on their way: they are repeated this often within their lifetime. */
const REPEATS_PER_LIFETIME = 3;

/** RFC 6762, section 8.3: announced twice at least, a second apart. */
const SECOND_TIME_MS = 1_000;

/** Packets in a row; then the receivers' buffers get a moment. */
const BURST_PACKETS = 8;
const BURST_PAUSE_MS = 5;

interface Announced {
  readonly advertisement: LanAdvertisement;
  /** When its records went out last, by interface. */
  readonly sentMs: Map<string, number>;
}

/** Announces workers until it is closed. */
export class LanAnnouncer implements AnnouncementMedium, NetworksListener {
  readonly #options: LanAnnouncerOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #createNetworks: (listener: NetworksListener) => Networks;
  readonly #responder: LanResponder;
  readonly #announced = new Map<string, Announced>();
  /** Announcements taken back a moment ago. They are taken back once more, since a packet can be lost. */
  readonly #departed = new Map<string, LanAdvertisement>();
  readonly #timers = new Set<Disposable>();
  #networks: Networks | undefined;
  /** Sendings begun while the interfaces were opening, until all are open. */
  #first: Promise<void>[] | undefined = [];
  #opened: Promise<void> | undefined;
  #revision = 0;
  #loopbackTold = false;
  #closed = false;

  constructor(options: LanAnnouncerOptions, createNetworks: (listener: NetworksListener) => Networks) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#createNetworks = createNetworks;
    const { port, lifetimeMs } = options;
    this.#responder = new LanResponder({
      port,
      lifetimeMs,
      clock: this.#clock,
      random: this.#random,
      announced: () => this.#all(),
      sentMs: (uid, endpoint) => this.#announced.get(uid)?.sentMs.get(endpoint.interface.key),
      send: (endpoint, advertisements) => this.#send(endpoint, advertisements),
    });
  }

  /**
   * Resolves when the announcement has been sent by every interface there is.
   *
   * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION) for a worker that cannot be announced; its earlier
   *   announcement stays.
   */
  async announce(worker: WorkerMetadata): Promise<void> {
    // The time, so that another publisher of the same worker continues with higher numbers.
    this.#revision = Math.max(this.#revision + 1, Date.now());
    const advertisement = createAdvertisement(worker, { ...this.#options, revision: this.#revision });
    this.#announced.set(worker.uid, { advertisement, sentMs: new Map() });
    this.#departed.delete(worker.uid);
    const fresh = this.#opened === undefined;
    await this.#open();
    // Each interface, as it opened, has sent the announcements there are.
    if (!fresh) await this.#sendEverywhere([advertisement]);
    this.#later(SECOND_TIME_MS, () => {
      if (this.#announced.get(worker.uid)?.advertisement !== advertisement) return;
      void this.#sendEverywhere([advertisement]);
    });
  }

  async retract({ uid }: WorkerMetadata): Promise<void> {
    const announced = this.#announced.get(uid);
    if (announced === undefined) return;
    const { advertisement } = announced;
    this.#announced.delete(uid);
    this.#departed.set(uid, advertisement);
    await this.#takeBack([advertisement]);
    this.#later(SECOND_TIME_MS, () => {
      if (this.#departed.get(uid) !== advertisement) return;
      this.#departed.delete(uid);
      void this.#takeBack([advertisement]);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#responder.close();
    await this.#opened;
    await this.#takeBack([...this.#departed.values()]);
    await this.#networks?.close();
  }

  up(endpoint: Endpoint): void {
    const sent = this.#send(endpoint, this.#all());
    this.#first?.push(sent);
    this.#later(SECOND_TIME_MS, () => void this.#send(endpoint, this.#all()));
  }

  packet(packet: LanPacket, endpoint: Endpoint, source: LanSource): void {
    if (packet.type === "query" && !this.#closed) this.#responder.answer(packet, endpoint, source);
  }

  #open(): Promise<void> {
    this.#opened ??= (async () => {
      this.#networks = this.#createNetworks(this);
      await this.#networks.open();
      await Promise.all(this.#first ?? []);
      this.#first = undefined;
      this.#repeat();
    })();
    return this.#opened;
  }

  /** Repeats everything before it lapses. */
  #repeat(): void {
    const everyMs = this.#options.lifetimeMs / REPEATS_PER_LIFETIME;
    // A little sooner by chance: hosts that started together do not stay in step.
    this.#later(everyMs * (1 - 0.1 * this.#random()), () => {
      void this.#sendEverywhere(this.#all()).finally(() => this.#repeat());
    });
  }

  #all(): LanAdvertisement[] {
    return Array.from(this.#announced.values(), ({ advertisement }) => advertisement);
  }

  async #sendEverywhere(advertisements: readonly LanAdvertisement[]): Promise<void> {
    const endpoints = [...(this.#networks?.endpoints ?? [])];
    await Promise.all(endpoints.map((endpoint) => this.#send(endpoint, advertisements)));
  }

  async #send(endpoint: Endpoint, advertisements: readonly LanAdvertisement[]): Promise<void> {
    const ttlS = this.#options.lifetimeMs / 1_000;
    const now = this.#clock.now();
    const groups = advertisements.map((advertisement) => {
      this.#announced.get(advertisement.uid)?.sentMs.set(endpoint.interface.key, now);
      const records = recordsOf(advertisement, endpoint.interface, ttlS);
      if (records.length === 0) this.#warnOfFamily(advertisement, endpoint);
      this.#warnOfLoopback(advertisement, endpoint);
      return records;
    });
    await transmit(endpoint, packRecords(groups));
  }

  async #takeBack(advertisements: readonly LanAdvertisement[]): Promise<void> {
    const endpoints = [...(this.#networks?.endpoints ?? [])];
    await Promise.all(
      endpoints.map((endpoint) =>
        transmit(endpoint, packRecords(advertisements.map((one) => recordsOf(one, endpoint.interface, 0)))),
      ),
    );
  }

  #later(delayMs: number, run: () => void): void {
    if (this.#closed) return;
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }

  #warnOfLoopback({ uid, endpoint: { loopback } }: LanAdvertisement, endpoint: Endpoint): void {
    const { name, internal } = endpoint.interface;
    if (this.#loopbackTold || !loopback || internal || this.#options.advertise !== undefined) return;
    this.#loopbackTold = true;
    warn(
      "MERINO_LOOPBACK_ADVERTISED",
      `Worker '${uid}' is announced on '${name}' under a loopback address, which leads every other host to ` +
        "itself; have workers listen on '0.0.0.0', or give LanDiscovery the option 'advertise'",
    );
  }

  #warnOfFamily({ uid }: LanAdvertisement, endpoint: Endpoint): void {
    const { name } = endpoint.interface;
    warnOnLan({
      code: "MERINO_DISCOVERY",
      about: `addresses of ${name}`,
      text: `Workers that listen on '0.0.0.0' are not announced on '${name}', which has no IPv4 address; have them listen on '::'`,
      detail: `the first is '${uid}'`,
    });
  }
}

/** One packet after the other. */
async function transmit(endpoint: Endpoint, packets: readonly (readonly LanRecord[])[]): Promise<void> {
  for (const [index, answers] of packets.entries()) {
    if (index > 0 && index % BURST_PACKETS === 0) await pause(BURST_PAUSE_MS);
    await sendQuietly(endpoint, { answers });
  }
}
