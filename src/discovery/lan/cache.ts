/**
 * Everything heard of the workers of one namespace. Turns records into workers, reports their changes, and
 * lists the questions to ask. Opens nothing and sets no timer.
 *
 * Everything in it comes from a network on which anybody may say anything: anything that is no worker's record
 * is skipped with a warning; a worker's records are believed only from hosts that have announced the very same;
 * and all memory is bounded.
 */
import { parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import { LanDepartures } from "./departures.ts";
import { LanDisputes } from "./disputes.ts";
import { LanInstance } from "./instance.ts";
import type { HeardRecord, LanQuestion } from "./multicast/packet.ts";
import { serviceType } from "./service.ts";
import { type AddressStatement, type LanStatement, readStatements } from "./statement.ts";
import { LanTargets, type RecordSource } from "./targets.ts";
import type { LanText } from "./text.ts";
import type { WarnOnLan } from "./warnings.ts";

/** Settings and callbacks of the cache. */
export interface LanCacheOptions {
  readonly namespace: string;
  readonly report: (event: DiscoveryEvent) => void;
  readonly warn: WarnOnLan;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  /** Which of two addresses to connect to: the lower rank. */
  readonly rank: (address: string) => number;
}

const MAX_INSTANCES = 4_096;
const MAX_INSTANCES_PER_HOST = 1_024;

/**
 * If more workers than this are on a host by its name, a change of its addresses is not told at once, but with the next
 * look: a short packet could cost much otherwise, again and again.
 */
const MANY_OWNERS = 16;

/** The largest number of questions at a time; the next look continues with the rest. */
const MAX_QUESTIONS = 64;

/** A worker as reported last and not dropped since, with its record as text, by which changes are noticed. */
interface Reported {
  readonly worker: WorkerMetadata;
  readonly json: string;
}

/** Workers heard of. */
export class LanCache {
  readonly #options: LanCacheOptions;
  readonly #service: string;
  readonly #instances = new Map<string, LanInstance>();
  readonly #reported = new Map<string, Reported>();
  readonly #departures: LanDepartures;
  readonly #disputes: LanDisputes;
  readonly #perHost = new Map<string, number>();
  readonly #targets: LanTargets;
  /** Whose changes are to be told with the next look. */
  readonly #due = new Set<LanInstance>();

  constructor(options: LanCacheOptions) {
    this.#options = options;
    this.#service = serviceType(options.namespace);
    this.#departures = new LanDepartures(options.now);
    this.#disputes = new LanDisputes(options.now);
    this.#targets = new LanTargets(options.now);
  }

  /** How many workers it has heard of, complete or not. */
  get size(): number {
    return this.#instances.size;
  }

  /** Takes in the records of one response. */
  accept(records: Iterable<HeardRecord>, source: RecordSource): void {
    const { workers, addresses } = readStatements(records, {
      service: this.#service,
      textOf: (uid) => this.#instances.get(uid)?.text,
      malformed: (detail) => this.#warnOfRecords(source.address, detail),
    });
    const touched = new Set<LanInstance>();
    for (const [uid, statement] of workers) {
      const instance = this.#take(uid, statement, source);
      if (instance !== undefined) touched.add(instance);
    }
    // Addresses come after the services, which say whose addresses are needed.
    this.#takeAddresses(addresses, source, touched);
    for (const instance of touched) this.#evaluate(instance);
  }

  /**
   * Drops records that have lapsed, and warns of hosts that are still not believed.
   *
   * @returns Questions to ask now, for records that are missing or about to lapse.
   */
  tick(): LanQuestion[] {
    const now = this.#options.now();
    const questions: LanQuestion[] = [];
    this.#departures.expire();
    for (const { source, uid } of this.#disputes.takeDue()) {
      // A worker that has left since did what this host had said.
      if (this.#instances.get(uid)?.sources.has(source) === false) this.#warnOfClaim(source, uid);
    }
    for (const uid of this.#targets.expire()) {
      const instance = this.#instances.get(uid);
      if (instance !== undefined) this.#due.add(instance);
    }
    for (const instance of this.#due) this.#evaluate(instance);
    this.#due.clear();
    for (const instance of [...this.#instances.values()]) {
      if (instance.isOver(now)) {
        this.#forget(instance);
      } else if (questions.length < MAX_QUESTIONS) {
        questions.push(...instance.questions(this.#service, now, () => this.#lacksAddress(instance)));
      }
    }
    return questions;
  }

  /** Believes or disbelieves the statement of a host about a worker. */
  #take(uid: string, statement: LanStatement, source: RecordSource): LanInstance | undefined {
    const { gone, service, text } = statement;
    const known = this.#instances.get(uid);
    const revision = text?.content?.revision;
    if (revision !== undefined && this.#isOutdated(uid, revision)) return undefined;
    const verdict = known?.judge(statement, source.address) ?? "believed";
    if (verdict === "contested") this.#disputes.open(source.address, uid);
    if (verdict !== "believed") return undefined;
    if (gone) {
      if (known === undefined) return undefined;
      this.#forget(known);
      if (revision !== undefined) this.#departures.add(uid, revision);
      return undefined;
    }
    const instance = known ?? this.#create(uid, source.address);
    if (instance === undefined) return undefined;
    instance.take(statement, this.#options.now());
    if (service !== undefined) this.#targets.bind(uid, service.target);
    if (text !== undefined && text.content === undefined) {
      this.#warnOfRecords(source.address, `the text of '${uid}'`);
    }
    return instance;
  }

  /** Whether something newer has been heard of the worker. */
  #isOutdated(uid: string, revision: number): boolean {
    const present = this.#instances.get(uid)?.text?.content?.revision;
    return present === undefined ? this.#departures.isEcho(uid, revision) : revision < present;
  }

  /** Takes over the addresses that this host may announce, and collects the workers for which they change something. */
  #takeAddresses(
    addresses: readonly AddressStatement[],
    source: RecordSource,
    touched: Set<LanInstance>,
  ): void {
    const ownersOf = new Map<string, readonly LanInstance[]>();
    for (const { name, address, lifetimeMs } of addresses) {
      const key = name.toLowerCase();
      let owners = ownersOf.get(key);
      if (owners === undefined) {
        const bound = this.#targets.uidsOf(key).flatMap((uid) => this.#instances.get(uid) ?? []);
        owners = bound.some(({ sources }) => sources.has(source.address)) ? bound : [];
        ownersOf.set(key, owners);
      }
      if (owners.length === 0 || !this.#targets.set(key, address, { source, lifetimeMs })) continue;
      const concerned = owners.length > MANY_OWNERS ? this.#due : touched;
      for (const owner of owners) concerned.add(owner);
    }
  }

  #create(uid: string, founder: string): LanInstance | undefined {
    const share = this.#perHost.get(founder) ?? 0;
    if (share >= MAX_INSTANCES_PER_HOST || this.#instances.size >= MAX_INSTANCES) {
      this.#options.warn({
        code: "MERINO_BAD_ADVERTISEMENT",
        about: founder,
        text: `Ignoring further announcements from ${founder}: it has announced ${share} workers, and ${this.#instances.size} are known in all`,
      });
      return undefined;
    }
    const instance = new LanInstance(uid, founder, this.#options.now());
    this.#instances.set(uid, instance);
    this.#perHost.set(founder, share + 1);
    return instance;
  }

  #forget(instance: LanInstance): void {
    const { uid, founder } = instance;
    this.#instances.delete(uid);
    this.#due.delete(instance);
    this.#targets.unbind(uid);
    const share = (this.#perHost.get(founder) ?? 1) - 1;
    if (share > 0) this.#perHost.set(founder, share);
    else this.#perHost.delete(founder);
    this.#drop(uid);
  }

  /** Reports a worker's change, if there is one. */
  #evaluate(instance: LanInstance): void {
    const worker = this.#workerOf(instance);
    if (worker === undefined) {
      this.#drop(instance.uid);
      return;
    }
    const reported = this.#reported.get(worker.uid);
    const json = JSON.stringify(worker);
    if (reported?.json === json) return;
    this.#reported.set(worker.uid, { worker, json });
    this.#options.report({ type: reported === undefined ? "worker-added" : "worker-updated", worker });
  }

  #drop(uid: string): void {
    const reported = this.#reported.get(uid);
    if (reported === undefined) return;
    this.#reported.delete(uid);
    this.#options.report({ type: "worker-dropped", worker: reported.worker });
  }

  #workerOf({ uid, service, text, sources }: LanInstance): WorkerMetadata | undefined {
    if (service === undefined || text?.content === undefined || !this.#isOurs(text.content)) return undefined;
    const host = this.#hostOf(service.target, sources, this.#reported.get(uid)?.worker.address);
    if (host === undefined) return undefined;
    const address = `${host.includes(":") ? `[${host}]` : host}:${service.port}`;
    const worker = parseWorkerMetadata({ ...text.content.fields, uid, address }, { unix: false });
    if (worker === undefined) this.#warnOfRecords([...sources][0] ?? "", `the record of '${uid}'`);
    return worker;
  }

  /** An address of the host; or its name, if that is no name of multicast DNS. */
  #hostOf(target: string, sources: ReadonlySet<string>, present: string | undefined): string | undefined {
    const addresses = this.#targets.addressesOf(target, sources);
    if (addresses.length === 0) return /\.local$/i.test(target) ? undefined : target;
    const { rank } = this.#options;
    const best = Math.min(...addresses.map(rank));
    const equals = addresses.filter((address) => rank(address) === best).sort();
    // A worker with several addresses keeps the one reported before.
    return equals.find((address) => present !== undefined && isAddressOf(present, address)) ?? equals[0];
  }

  /** Whether its host has been named, by a name of multicast DNS, but no address of it told. */
  #lacksAddress({ service, text, sources }: LanInstance): boolean {
    if (service === undefined || text?.content === undefined || !this.#isOurs(text.content)) return false;
    return this.#hostOf(service.target, sources, undefined) === undefined;
  }

  /** Whether a text is of our namespace. Another namespace may have the same hash, so a foreign text is no fault. */
  #isOurs({ namespace }: LanText): boolean {
    return namespace === undefined || namespace === this.#options.namespace;
  }

  #warnOfRecords(address: string, detail: string): void {
    this.#options.warn({
      code: "MERINO_BAD_ADVERTISEMENT",
      about: `records of ${address}`,
      text: `Ignoring announcements from ${address} that are not workers' records`,
      detail: `the first is ${detail}`,
    });
  }

  #warnOfClaim(address: string, uid: string): void {
    this.#options.warn({
      code: "MERINO_BAD_ADVERTISEMENT",
      about: `claims of ${address}`,
      text: `Ignoring announcements from ${address} about workers that another host has announced otherwise`,
      detail: `the first is '${uid}'`,
    });
  }
}

function isAddressOf(address: string, host: string): boolean {
  return address.startsWith(host.includes(":") ? `[${host}]:` : `${host}:`);
}
