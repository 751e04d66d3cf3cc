/**
 * One worker as it has been heard of: its records with their lives, the hosts that are believed about it, and
 * the questions to ask about it. It does not interpret the records; `cache.ts` does.
 */
import type { LanQuestion } from "./multicast/packet.ts";
import { endOf, isOver, MAX_LIFETIME_MS, type RecordLife } from "./record-life.ts";
import { instanceName } from "./service.ts";
import type { HeardText, LanStatement } from "./statement.ts";

/** How a statement about a worker is judged. */
export type Verdict =
  | "believed"
  /** It changes nothing, or says too little. */
  | "ignored"
  /** It differs from the statements of others. */
  | "contested";

/** RFC 6762, section 5.2: parts of a record's life after which it is asked for again. */
const REFRESH_AT: readonly number[] = [0.8, 0.9, 0.95];

/**
 * When to ask for a worker's missing records, counted from the first time it was heard of. After the last of these,
 * it is asked for when it is heard of again.
 */
const COMPLETE_AT_MS: readonly number[] = [0, 1_000, 3_000, 9_000];

const MAX_SOURCES = 16;

/** A worker, complete or not. */
export class LanInstance {
  readonly uid: string;
  /** The host that was the first to announce it. The worker counts against this host's share. */
  readonly founder: string;
  readonly #sources: Set<string>;
  /** How long it may stay without its records, from when it was first heard of. */
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

  /** Hosts that are believed about it. */
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
   * Judges the statement of a host. A host may change its own announcement. If another host announces exactly
   * the same, it is another address of that host, and may change the announcement from then on; if it announces
   * something else, it is an impostor or a mistake.
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

  /** Takes over a statement that is believed. */
  take({ service, text, lifetimeMs }: LanStatement, nowMs: number): void {
    const life: RecordLife = { sinceMs: nowMs, lifetimeMs };
    if (service !== undefined) this.#service = { ...service, ...life };
    if (text !== undefined) this.#text = { ...text, ...life };
    if (service !== undefined || text !== undefined) this.#asked = 0;
    if (this.#service === undefined || this.#text === undefined) this.#pointer = life;
  }

  /** Whether one of its records has lapsed, or the missing ones have not come in time. */
  isOver(nowMs: number): boolean {
    const [service, text] = [this.#service, this.#text];
    if (service !== undefined && isOver(service, nowMs)) return true;
    if (text !== undefined && isOver(text, nowMs)) return true;
    return (service === undefined || text === undefined) && isOver(this.#pointer, nowMs);
  }

  /**
   * Lists the questions to ask now, and counts them as asked.
   *
   * @param type Type of the service.
   * @param lacksAddress Whether an address of its host is needed and none is known.
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

  /**
   * While records are missing, a host that announces all of them is believed; before any does, the first host that
   * announced anything.
   */
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
