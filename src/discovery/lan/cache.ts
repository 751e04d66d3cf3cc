/**
 * What has been heard of the workers of one namespace, and how long it counts. Makes records into workers, reports
 * what becomes of them, and says what to ask for. Opens nothing and sets no timer.
 *
 * Everything in it comes from a network on which anybody may say anything: what is no worker's record is skipped with a
 * warning, a worker's records are believed from those hosts only that have announced them as they stand, and
 * all that is kept is bounded.
 */
import { parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import type { AnyRecord, LanQuestion } from "./multicast/packet.ts";
import { instanceName, isHostName, serviceType, uidOfInstance } from "./service.ts";
import { LanTargets } from "./targets.ts";
import { decodeLanText, type LanText } from "./text.ts";
import type { WarnOnLan } from "./warnings.ts";

/** What the cache works with. */
export interface LanCacheOptions {
  readonly namespace: string;
  readonly report: (event: DiscoveryEvent) => void;
  readonly warn: WarnOnLan;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  /** Which of two addresses to connect to: the lower rank. */
  readonly rank: (address: string) => number;
}

/** Who sent a packet, and over which interface it came. */
export interface RecordSource {
  readonly address: string;
  readonly interfaceName: string;
}

/** A longer life than this is asked about again before it counts on. */
export const MAX_LIFETIME_MS = 120_000;

/** RFC 6762, section 5.2: parts of a record's life after which it is asked for again. */
const REFRESH_AT: readonly number[] = [0.8, 0.9, 0.95];

/** When to ask for what is missing of a worker, from when it was first heard of; after that, when it is heard of again. */
const COMPLETE_AT_MS: readonly number[] = [0, 1_000, 3_000, 9_000];

/** How long after a worker was taken back an older announcement may still be read. */
const ECHO_MS = 5_000;

const MAX_INSTANCES = 4_096;
const MAX_INSTANCES_PER_HOST = 1_024;
const MAX_SOURCES = 16;
const MAX_TEXT_BYTES = 16_384;

/** Of one look; the next goes on with the rest. */
const MAX_QUESTIONS = 64;

interface Life {
  readonly sinceMs: number;
  readonly lifetimeMs: number;
}

interface Instance {
  readonly uid: string;
  /** The host that was the first to speak of it; it counts against that one's share. */
  readonly founder: string;
  /** Hosts whose word about it is taken. */
  readonly sources: Set<string>;
  /** Since it was heard of without its records. */
  pointer: Life;
  service: (Life & { readonly target: string; readonly port: number }) | undefined;
  text: (Life & { readonly bytes: Buffer; readonly content: LanText | undefined }) | undefined;
  /** Questions asked in its present state. */
  asked: number;
  /** As reported last and not dropped since, with its text, to tell whether it has changed. */
  reported: { readonly worker: WorkerMetadata; readonly json: string } | undefined;
}

/** What one packet says of a worker. */
interface Statement {
  gone: boolean;
  lifetimeMs: number;
  service: { readonly target: string; readonly port: number } | undefined;
  text: { readonly bytes: Buffer; readonly content: LanText | undefined } | undefined;
}

/** Workers heard of. */
export class LanCache {
  readonly #options: LanCacheOptions;
  readonly #service: string;
  readonly #instances = new Map<string, Instance>();
  /** Workers taken back a moment ago, oldest first. */
  readonly #gone = new Map<string, { readonly revision: number; readonly untilMs: number }>();
  readonly #perHost = new Map<string, number>();
  readonly #targets: LanTargets;

  constructor(options: LanCacheOptions) {
    this.#options = options;
    this.#service = serviceType(options.namespace);
    this.#targets = new LanTargets(options.now);
  }

  /** How many workers it has heard of, complete or not. */
  get size(): number {
    return this.#instances.size;
  }

  /** Takes in the records of one response. */
  accept(records: Iterable<AnyRecord>, source: RecordSource): void {
    const said = new Map<string, Statement>();
    const addresses: { readonly name: string; readonly address: string; readonly ttl: number }[] = [];
    for (const record of records) {
      if (!("ttl" in record)) continue;
      if (record.type === "A" || record.type === "AAAA") {
        const { name, data, ttl = 0 } = record;
        if (typeof data === "string") addresses.push({ name, address: data, ttl });
      } else {
        this.#read(record, said, source);
      }
    }
    const touched = new Set<Instance>();
    for (const [uid, statement] of said) {
      const instance = this.#take(uid, statement, source);
      if (instance !== undefined) touched.add(instance);
    }
    // After the services, which say whose addresses are of interest.
    const believed = new Map<string, boolean>();
    for (const { name, address, ttl } of addresses) {
      const known = believed.get(name) ?? this.#mayTell(name, source, touched);
      believed.set(name, known);
      if (known) this.#targets.set(name, address, { source, lifetimeMs: lifetimeOf(ttl) });
    }
    for (const instance of touched) this.#evaluate(instance);
  }

  /**
   * Drops what has lapsed.
   *
   * @returns What to ask for now, because it is missing or about to lapse.
   */
  tick(): LanQuestion[] {
    const now = this.#options.now();
    const questions: LanQuestion[] = [];
    for (const [uid, { untilMs }] of this.#gone) {
      if (now >= untilMs) this.#gone.delete(uid);
    }
    for (const name of this.#targets.expire()) {
      const instance = this.#instances.get(name);
      if (instance !== undefined) this.#evaluate(instance);
    }
    for (const instance of [...this.#instances.values()]) {
      const { service, text } = instance;
      if ((service !== undefined && isOver(service, now)) || (text !== undefined && isOver(text, now))) {
        this.#forget(instance);
      } else if ((service === undefined || text === undefined) && isOver(instance.pointer, now)) {
        this.#forget(instance);
      } else if (questions.length < MAX_QUESTIONS) {
        questions.push(...this.#questionsOf(instance, now));
      }
    }
    return questions;
  }

  /** Whether a host may tell addresses of a name. Adds the workers that these concern. */
  #mayTell(name: string, source: RecordSource, touched: Set<Instance>): boolean {
    const owners = this.#targets.uidsOf(name).flatMap((uid) => this.#instances.get(uid) ?? []);
    if (!owners.some(({ sources }) => sources.has(source.address))) return false;
    for (const owner of owners) touched.add(owner);
    return true;
  }

  /** Notes what a record says, if it is sound. */
  #read(
    record: AnyRecord & { readonly ttl?: number | undefined },
    said: Map<string, Statement>,
    source: RecordSource,
  ): void {
    const { type, ttl = 0 } = record;
    if (type !== "PTR" && type !== "SRV" && type !== "TXT") return;
    if (type === "PTR" && record.name.toLowerCase() !== this.#service) return;
    const uid = uidOfInstance(type === "PTR" ? record.data : record.name, this.#service);
    if (uid === undefined) {
      if (type === "PTR") this.#malformed(source, "a name without a uid");
      return;
    }
    const statement = said.get(uid) ?? { gone: false, lifetimeMs: 0, service: undefined, text: undefined };
    const lifetimeMs = lifetimeOf(ttl);
    said.set(uid, statement);
    statement.lifetimeMs = Math.max(statement.lifetimeMs, lifetimeMs);
    if (lifetimeMs === 0) statement.gone = true;
    // Of a text that is taken back, the revision is of interest.
    if (type === "TXT") statement.text = this.#textIn(record.data, uid, source);
    else if (type === "SRV" && lifetimeMs > 0) statement.service = this.#serviceIn(record.data, uid, source);
  }

  #serviceIn(data: unknown, uid: string, source: RecordSource): Statement["service"] {
    const { target, port } = (data ?? {}) as { target?: unknown; port?: unknown };
    if (typeof target === "string" && isHostName(target) && typeof port === "number" && port > 0) {
      return { target, port };
    }
    this.#malformed(source, `the service of '${uid}'`);
    return undefined;
  }

  #textIn(data: unknown, uid: string, source: RecordSource): Statement["text"] {
    const entries = (Array.isArray(data) ? data : []).filter((entry) => entry instanceof Uint8Array);
    // With lengths: the same bytes cut elsewhere are not the same. A copy: the packet they are in may be large.
    const bytes = Buffer.concat(entries.flatMap((entry) => [Buffer.of(entry.length), entry]));
    if (bytes.length <= MAX_TEXT_BYTES) {
      const known = this.#instances.get(uid)?.text;
      return { bytes, content: known?.bytes.equals(bytes) ? known.content : decodeLanText(entries) };
    }
    this.#malformed(source, `the text of '${uid}', which is too long`);
    return undefined;
  }

  /** Believes or disbelieves what a host has said of a worker. */
  #take(uid: string, statement: Statement, source: RecordSource): Instance | undefined {
    const { gone, lifetimeMs, text } = statement;
    const known = this.#instances.get(uid);
    if (this.#isOutdated(uid, text?.content?.revision)) return undefined;
    if (known !== undefined && !this.#isBelieved(known, statement, source)) return undefined;
    if (gone) {
      if (known !== undefined) this.#takeBack(known, text?.content?.revision);
      return undefined;
    }
    const instance = known ?? this.#create(uid, source);
    if (instance === undefined) return undefined;
    const life: Life = { sinceMs: this.#options.now(), lifetimeMs };
    if (statement.service !== undefined) {
      this.#targets.bind(uid, statement.service.target);
      instance.service = { ...statement.service, ...life };
      instance.asked = 0;
    }
    if (text !== undefined) {
      if (text.content === undefined) this.#malformed(source, `the text of '${uid}'`);
      instance.text = { ...text, ...life };
      instance.asked = 0;
    }
    if (instance.service === undefined || instance.text === undefined) instance.pointer = life;
    return instance;
  }

  /** Whether something newer has been heard of the worker. */
  #isOutdated(uid: string, revision: number | undefined): boolean {
    if (revision === undefined) return false;
    const present = this.#instances.get(uid)?.text?.content?.revision;
    if (present !== undefined) return revision < present;
    const gone = this.#gone.get(uid);
    return gone !== undefined && revision <= gone.revision && this.#options.now() < gone.untilMs;
  }

  #takeBack(instance: Instance, revision: number | undefined): void {
    this.#forget(instance);
    if (revision === undefined) return;
    this.#gone.delete(instance.uid);
    this.#gone.set(instance.uid, { revision, untilMs: this.#options.now() + ECHO_MS });
    const oldest = this.#gone.keys().next();
    if (this.#gone.size > MAX_INSTANCES && !oldest.done) this.#gone.delete(oldest.value);
  }

  /**
   * A host may change what it has announced itself. One that announces all of the same is another address of that
   * host, and may change it from then on; one that announces something else is an impostor or a mistake.
   */
  #isBelieved(instance: Instance, statement: Statement, { address }: RecordSource): boolean {
    const { uid, sources, service, text } = instance;
    if (sources.has(address)) return true;
    const said = statement;
    if (service === undefined || text === undefined) {
      // Half a worker is nobody's: whoever tells the whole has it.
      if (said.gone) return false;
      const whole = said.service !== undefined && said.text !== undefined;
      if (!whole && (service !== undefined || text !== undefined)) return false;
      if (whole) sources.clear();
      if (sources.size < MAX_SOURCES) sources.add(address);
      return true;
    }
    const sameService = said.service?.target === service.target && said.service.port === service.port;
    const sameText = said.text?.bytes.equals(text.bytes) ?? false;
    if (!said.gone && sameService && sameText) {
      if (sources.size < MAX_SOURCES) sources.add(address);
      return true;
    }
    const differs =
      said.gone || (said.service !== undefined && !sameService) || (said.text !== undefined && !sameText);
    if (differs) this.#contested(uid, address);
    return false;
  }

  #create(uid: string, source: RecordSource): Instance | undefined {
    const founder = source.address;
    const share = this.#perHost.get(founder) ?? 0;
    if (share >= MAX_INSTANCES_PER_HOST || this.#instances.size >= MAX_INSTANCES) {
      this.#options.warn({
        code: "MERINO_BAD_ADVERTISEMENT",
        about: founder,
        text: `Ignoring further announcements from ${founder}: it has announced ${share} workers, and ${this.#instances.size} are known in all`,
      });
      return undefined;
    }
    const instance: Instance = {
      uid,
      founder,
      sources: new Set([founder]),
      pointer: { sinceMs: this.#options.now(), lifetimeMs: MAX_LIFETIME_MS },
      service: undefined,
      text: undefined,
      asked: 0,
      reported: undefined,
    };
    this.#instances.set(uid, instance);
    this.#perHost.set(founder, share + 1);
    return instance;
  }

  /** Brings what is reported in line with what is known. */
  #evaluate(instance: Instance): void {
    const worker = this.#workerOf(instance);
    const { reported } = instance;
    if (worker === undefined) {
      if (reported === undefined) return;
      instance.reported = undefined;
      this.#options.report({ type: "worker-dropped", worker: reported.worker });
      return;
    }
    const json = JSON.stringify(worker);
    if (reported?.json === json) return;
    instance.reported = { worker, json };
    this.#options.report({ type: reported === undefined ? "worker-added" : "worker-updated", worker });
  }

  #workerOf({ uid, service, text, sources, reported }: Instance): WorkerMetadata | undefined {
    if (service === undefined || text?.content === undefined) return undefined;
    if (!this.#isOurs(text.content)) return undefined;
    const host = this.#hostOf(service.target, sources, reported?.worker.address);
    if (host === undefined) return undefined;
    const address = `${host.includes(":") ? `[${host}]` : host}:${service.port}`;
    const worker = parseWorkerMetadata({ ...text.content.fields, uid, address }, { unix: false });
    if (worker === undefined) this.#malformed({ address: [...sources][0] ?? "" }, `the record of '${uid}'`);
    return worker;
  }

  /** An address of the host; its name where names are not multicast DNS's. */
  #hostOf(target: string, sources: ReadonlySet<string>, present: string | undefined): string | undefined {
    const addresses = this.#targets.addressesOf(target, sources);
    if (addresses.length === 0) return /\.local$/i.test(target) ? undefined : target;
    const { rank } = this.#options;
    const best = Math.min(...addresses.map(rank));
    const equals = addresses.filter((address) => rank(address) === best).sort();
    // A worker with several addresses keeps the one it is known by.
    return equals.find((address) => present !== undefined && isAddressOf(present, address)) ?? equals[0];
  }

  #questionsOf(instance: Instance, now: number): LanQuestion[] {
    const { uid, service, text, asked } = instance;
    const name = instanceName(uid, this.#service);
    if (service === undefined || text === undefined) {
      const dueMs = COMPLETE_AT_MS[asked];
      if (dueMs === undefined || now < instance.pointer.sinceMs + dueMs) return [];
      instance.asked += 1;
      return [
        { name, type: "SRV" },
        { name, type: "TXT" },
      ];
    }
    const life = endOf(service) < endOf(text) ? service : text;
    const share = REFRESH_AT[asked];
    const isLate = share !== undefined && now >= life.sinceMs + share * life.lifetimeMs;
    if (!isLate && !(asked === 0 && this.#lacksAddress(instance))) return [];
    instance.asked += 1;
    const { target } = service;
    return [
      { name, type: "SRV" },
      { name, type: "TXT" },
      { name: target, type: "A" },
      { name: target, type: "AAAA" },
    ];
  }

  /** Whether its host has been named, by a name of multicast DNS, but no address of it told. */
  #lacksAddress({ service, text, sources }: Instance): boolean {
    if (service === undefined || text?.content === undefined || !this.#isOurs(text.content)) return false;
    return this.#hostOf(service.target, sources, undefined) === undefined;
  }

  /** Another namespace may have the same hash: then it is not ours, and that is no fault of its own. */
  #isOurs({ namespace }: LanText): boolean {
    return namespace === undefined || namespace === this.#options.namespace;
  }

  #forget(instance: Instance): void {
    const { uid, founder, reported } = instance;
    this.#instances.delete(uid);
    this.#targets.unbind(uid);
    const share = (this.#perHost.get(founder) ?? 1) - 1;
    if (share > 0) this.#perHost.set(founder, share);
    else this.#perHost.delete(founder);
    if (reported !== undefined) this.#options.report({ type: "worker-dropped", worker: reported.worker });
  }

  #malformed({ address }: { readonly address: string }, detail: string): void {
    this.#options.warn({
      code: "MERINO_BAD_ADVERTISEMENT",
      about: `records of ${address}`,
      text: `Ignoring announcements from ${address} that are not workers' records`,
      detail: `the first is ${detail}`,
    });
  }

  #contested(uid: string, address: string): void {
    this.#options.warn({
      code: "MERINO_BAD_ADVERTISEMENT",
      about: `claims of ${address}`,
      text: `Ignoring announcements from ${address} about workers that another host has announced otherwise`,
      detail: `the first is '${uid}'`,
    });
  }
}

function lifetimeOf(ttlS: number): number {
  return Math.min(ttlS * 1_000, MAX_LIFETIME_MS);
}

function endOf({ sinceMs, lifetimeMs }: Life): number {
  return sinceMs + lifetimeMs;
}

function isOver(life: Life, now: number): boolean {
  return now >= endOf(life);
}

function isAddressOf(address: string, host: string): boolean {
  return address.startsWith(host.includes(":") ? `[${host}]:` : `${host}:`);
}
