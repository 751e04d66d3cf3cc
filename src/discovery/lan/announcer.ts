/**
 * The announcing side of multicast DNS for one publisher: announces at once and again, answers questions, repeats
 * itself before records lapse, and takes back what is gone. Every announcement goes out by every interface, under
 * the addresses of that interface.
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Clock, systemClock } from "../../internal/time/clock.ts";
import { warn } from "../../internal/warn.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { AnnouncementMedium } from "../create-publisher.ts";
import { createAdvertisement, type LanAdvertisement, recordsOf } from "./advertisement.ts";
import type { Endpoint, LanSource } from "./multicast/endpoint.ts";
import { type Link, type LinkListener, sendQuietly } from "./multicast/link.ts";
import { type LanPacket, type LanQuestion, type LanRecord, packRecords } from "./multicast/packet.ts";
import { isSameName, SERVICE_ENUMERATION } from "./service.ts";
import { warnOnLan } from "./warnings.ts";

/** What a publisher announces with. */
export interface AnnouncerOptions {
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

/** RFC 6762, section 6: answers that many may give wait for a random time, so that they do not come at once. */
const ANSWER_DELAY_MS = { least: 20, most: 120 } as const;

/**
 * Least time between two sendings of a record by one interface, whoever asks. The RFC has a second; but a watch
 * that starts just after an announcement would wait for it, and it is the limit that counts, not its size.
 */
const ANSWER_INTERVAL_MS = 250;

/** RFC 6762, section 6.7: those who ask from another port do not listen to what is announced later. */
const UNICAST_TTL_S = 10;

/** Packets in a row; then the receivers' buffers get a moment. */
const BURST_PACKETS = 8;
const BURST_PAUSE_MS = 5;

/** An interface's answers that are due. */
interface Answers {
  readonly uids: Set<string>;
  readonly timer: Disposable;
}

interface Announced {
  readonly advertisement: LanAdvertisement;
  /** When its records went out last, by interface. */
  readonly sentMs: Map<string, number>;
}

/** Announces workers until it is closed. */
export class LanAnnouncer implements AnnouncementMedium, LinkListener {
  readonly #options: AnnouncerOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #createLink: (listener: LinkListener) => Link;
  readonly #announced = new Map<string, Announced>();
  /** Taken back a moment ago; said once more, since a packet can be lost. */
  readonly #departed = new Map<string, LanAdvertisement>();
  readonly #answers = new Map<Endpoint, Answers>();
  readonly #timers = new Set<Disposable>();
  #link: Link | undefined;
  /** What went out as the interfaces opened, until they all have. */
  #first: Promise<void>[] | undefined = [];
  #opened: Promise<void> | undefined;
  #revision = 0;
  #loopbackTold = false;
  #closed = false;

  constructor(options: AnnouncerOptions, createLink: (listener: LinkListener) => Link) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#createLink = createLink;
  }

  /**
   * Resolves when the announcement has been sent by every interface there is.
   *
   * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION) for a worker that cannot be announced; what was
   *   announced of it before stays.
   */
  async announce(worker: WorkerMetadata): Promise<void> {
    // Time, so that another publisher of the same worker goes on from there.
    this.#revision = Math.max(this.#revision + 1, Date.now());
    const advertisement = createAdvertisement(worker, { ...this.#options, revision: this.#revision });
    this.#announced.set(worker.uid, { advertisement, sentMs: new Map() });
    this.#departed.delete(worker.uid);
    const fresh = this.#opened === undefined;
    await this.#open();
    // Opening the interfaces has announced what there is by each of them.
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
    for (const { timer } of this.#answers.values()) timer[Symbol.dispose]();
    await this.#opened;
    await this.#takeBack([...this.#departed.values()]);
    await this.#link?.close();
  }

  up(endpoint: Endpoint): void {
    const sent = this.#send(endpoint, this.#all());
    this.#first?.push(sent);
    this.#later(SECOND_TIME_MS, () => void this.#send(endpoint, this.#all()));
  }

  packet(packet: LanPacket, endpoint: Endpoint, source: LanSource): void {
    if (packet.type !== "query" || this.#closed) return;
    const { questions } = packet;
    if (questions.some(isEnumeration) && this.#announced.size > 0) this.#enumerate(packet, endpoint, source);
    const asked = this.#asked(questions, this.#knownTo(packet));
    if (asked.length === 0) return;
    if (source.port === this.#options.port) this.#answerLater(endpoint, asked);
    else this.#answerAlone(packet, endpoint, source, asked);
  }

  #open(): Promise<void> {
    this.#opened ??= (async () => {
      this.#link = this.#createLink(this);
      await this.#link.open();
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
    const endpoints = [...(this.#link?.endpoints ?? [])];
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
    const endpoints = [...(this.#link?.endpoints ?? [])];
    await Promise.all(
      endpoints.map((endpoint) =>
        transmit(endpoint, packRecords(advertisements.map((one) => recordsOf(one, endpoint.interface, 0)))),
      ),
    );
  }

  /** Whom the questions are about, but for those that the asker knows already. */
  #asked(questions: readonly LanQuestion[], known: ReadonlySet<string>): LanAdvertisement[] {
    return this.#all().filter(({ service, instance, target }) =>
      questions.some(({ name, type }) => {
        switch (type as string) {
          case "PTR":
            return isSameName(name, service) && !known.has(instance.toLowerCase());
          case "SRV":
          case "TXT":
            return isSameName(name, instance);
          case "A":
          case "AAAA":
            return isSameName(name, target);
          case "ANY":
            return [service, instance, target].some((own) => isSameName(name, own));
          default:
            return false;
        }
      }),
    );
  }

  /** RFC 6762, section 7.1: what the asker has, with half its life before it, need not be told. */
  #knownTo(packet: LanPacket): ReadonlySet<string> {
    const halfS = this.#options.lifetimeMs / 2_000;
    const known = new Set<string>();
    for (const answer of packet.answers) {
      if (answer.type === "PTR" && (answer.ttl ?? 0) >= halfS) known.add(answer.data.toLowerCase());
    }
    return known;
  }

  #answerLater(endpoint: Endpoint, asked: readonly LanAdvertisement[]): void {
    const waiting = this.#answers.get(endpoint);
    if (waiting !== undefined) {
      for (const { uid } of asked) waiting.uids.add(uid);
      return;
    }
    const now = this.#clock.now();
    const sentMs = asked.map(({ uid }) => this.#announced.get(uid)?.sentMs.get(endpoint.interface.key));
    const earliest = Math.max(...sentMs.map((ms = Number.NEGATIVE_INFINITY) => ms)) + ANSWER_INTERVAL_MS;
    const delayMs = ANSWER_DELAY_MS.least + this.#random() * (ANSWER_DELAY_MS.most - ANSWER_DELAY_MS.least);
    const timer = this.#clock.setTimeout(
      () => {
        this.#answers.delete(endpoint);
        const present = [...uids].flatMap((uid) => this.#announced.get(uid)?.advertisement ?? []);
        void this.#send(endpoint, present);
      },
      Math.max(delayMs, earliest - now),
    );
    const uids = new Set(asked.map(({ uid }) => uid));
    this.#answers.set(endpoint, { uids, timer });
  }

  /** To one who asks from a port of its own: one packet, with what fits into it. */
  #answerAlone(
    packet: LanPacket,
    endpoint: Endpoint,
    source: LanSource,
    asked: readonly LanAdvertisement[],
  ): void {
    const groups = asked.map((advertisement) =>
      recordsOf(advertisement, endpoint.interface, UNICAST_TTL_S).map((record) => ({
        ...record,
        flush: false,
      })),
    );
    const [answers] = packRecords(groups);
    if (answers === undefined) return;
    void sendQuietly(
      endpoint,
      { id: packet.id, questions: repeated(packet.questions, asked), answers },
      source,
    );
  }

  #enumerate(packet: LanPacket, endpoint: Endpoint, source: LanSource): void {
    const service = this.#all()[0]?.service;
    if (service === undefined) return;
    const alone = source.port !== this.#options.port;
    const ttl = alone ? UNICAST_TTL_S : this.#options.lifetimeMs / 1_000;
    const answers: LanRecord[] = [
      { type: "PTR", name: SERVICE_ENUMERATION, ttl, flush: false, data: service },
    ];
    if (alone) {
      const questions: LanQuestion[] = [{ name: SERVICE_ENUMERATION, type: "PTR" }];
      void sendQuietly(endpoint, { id: packet.id, questions, answers }, source);
    } else {
      void sendQuietly(endpoint, { answers });
    }
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

function isEnumeration({ name, type }: LanQuestion): boolean {
  return (type as string) === "PTR" && isSameName(name, SERVICE_ENUMERATION);
}

/** A stranger's question is repeated in the answer: one of those answered, in words that are known to be sound. */
function repeated(
  questions: readonly LanQuestion[],
  asked: readonly LanAdvertisement[],
): readonly LanQuestion[] {
  const names = asked.flatMap(({ service, instance, target }) => [service, instance, target]);
  const answered = questions.find(({ name }) => names.some((own) => isSameName(own, name)));
  return answered === undefined ? [] : [{ name: answered.name, type: answered.type }];
}
