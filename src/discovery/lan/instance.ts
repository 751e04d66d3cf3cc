/**
 * One worker as it has been heard of: its records with their lives, the hosts whose word about it is taken, and what
 * is to be asked about it. Says nothing of who it is; that the records make up.
 */
import type { LanQuestion } from "./multicast/packet.ts";
import { endOf, isOver, MAX_LIFETIME_MS, type RecordLife } from "./record-life.ts";
import { instanceName } from "./service.ts";
import type { HeardText, LanStatement } from "./statement.ts";

/** What to make of a statement about a worker. */
export type Verdict =
  | "believed"
  /** It changes nothing, or says too little. */
  | "ignored"
  /** It differs from what others have said. */
  | "contested";

/** RFC 6762, section 5.2: parts of a record's life after which it is asked for again. */
const REFRESH_AT: readonly number[] = [0.8, 0.9, 0.95];

/** When to ask for what is missing of a worker, from when it was first heard of; after that, when it is heard of again. */
const COMPLETE_AT_MS: readonly number[] = [0, 1_000, 3_000, 9_000];

const MAX_SOURCES = 16;

/** A worker, complete or not. */
export class LanInstance {
  readonly uid: string;
  /** The host that was the first to speak of it; it counts against that one's share. */
  readonly founder: string;
  readonly #sources: Set<string>;
  /** Since it was heard of without its records. */
  #pointer: RecordLife;
  #service: (RecordLife & NonNullable<LanStatement["service"]>) | undefined;
  #text: (RecordLife & HeardText) | undefined;
  /** Questions asked in its present state. */
  #asked = 0;

  constructor(uid: string, founder: string, nowMs: number) {
    this.uid = uid;
    this.founder = founder;
    this.#sources = new Set([founder]);
    this.#pointer = { sinceMs: nowMs, lifetimeMs: MAX_LIFETIME_MS };
  }

  /** Hosts whose word about it is taken. */
  get sources(): ReadonlySet<string> {
    return this.#sources;
  }

  get service(): LanStatement["service"] {
    return this.#service;
  }

  get text(): HeardText | undefined {
    return this.#text;
  }

  /**
   * Judges what a host says. A host may change what it has announced itself. One that announces all of the same is
   * another address of that host, and may change it from then on; one that announces something else is an impostor
   * or a mistake.
   */
  judge(said: LanStatement, source: string): Verdict {
    if (this.#sources.has(source)) return "believed";
    const [service, text] = [this.#service, this.#text];
    if (service === undefined || text === undefined) return this.#judgeIncomplete(said, source);
    const sameService = said.service?.target === service.target && said.service.port === service.port;
    const sameText = said.text?.bytes.equals(text.bytes) ?? false;
    if (!said.gone && sameService && sameText) {
      this.#trust(source);
      return "believed";
    }
    const differs =
      said.gone || (said.service !== undefined && !sameService) || (said.text !== undefined && !sameText);
    return differs ? "contested" : "ignored";
  }

  /** Takes over what a statement that is believed says. */
  take({ service, text, lifetimeMs }: LanStatement, nowMs: number): void {
    const life: RecordLife = { sinceMs: nowMs, lifetimeMs };
    if (service !== undefined) this.#service = { ...service, ...life };
    if (text !== undefined) this.#text = { ...text, ...life };
    if (service !== undefined || text !== undefined) this.#asked = 0;
    if (this.#service === undefined || this.#text === undefined) this.#pointer = life;
  }

  /** Whether one of its records has lapsed, or those that are missing have not come. */
  isOver(nowMs: number): boolean {
    const [service, text] = [this.#service, this.#text];
    if (service !== undefined && isOver(service, nowMs)) return true;
    if (text !== undefined && isOver(text, nowMs)) return true;
    return (service === undefined || text === undefined) && isOver(this.#pointer, nowMs);
  }

  /**
   * Lists what to ask now, and counts it as asked.
   *
   * @param type Of the service.
   * @param lacksAddress Whether no address of its host is known that ought to be.
   */
  questions(type: string, nowMs: number, lacksAddress: () => boolean): readonly LanQuestion[] {
    const name = instanceName(this.uid, type);
    const [service, text] = [this.#service, this.#text];
    const records: readonly LanQuestion[] = [
      { name, type: "SRV" },
      { name, type: "TXT" },
    ];
    if (service === undefined || text === undefined) {
      const dueMs = COMPLETE_AT_MS[this.#asked];
      if (dueMs === undefined || nowMs < this.#pointer.sinceMs + dueMs) return [];
      this.#asked += 1;
      return records;
    }
    const life = endOf(service) < endOf(text) ? service : text;
    const share = REFRESH_AT[this.#asked];
    const late = share !== undefined && nowMs >= life.sinceMs + share * life.lifetimeMs;
    if (!late && !(this.#asked === 0 && lacksAddress())) return [];
    this.#asked += 1;
    const { target } = service;
    return [...records, { name: target, type: "A" }, { name: target, type: "AAAA" }];
  }

  /** While records are missing, whoever tells them all is believed, and before that the first to tell anything. */
  #judgeIncomplete(said: LanStatement, source: string): Verdict {
    if (said.gone) return "ignored";
    const whole = said.service !== undefined && said.text !== undefined;
    if (!whole && (this.#service !== undefined || this.#text !== undefined)) return "ignored";
    if (whole) this.#sources.clear();
    this.#trust(source);
    return "believed";
  }

  #trust(source: string): void {
    if (this.#sources.size < MAX_SOURCES) this.#sources.add(source);
  }
}
