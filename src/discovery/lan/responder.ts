/**
 * Answers questions of multicast DNS about the announcements of one publisher: decides which worker a question
 * is about, when to answer, and to whom. `announcer.ts` keeps the announcements and sends them to all.
 */
import type { Clock } from "../../internal/time/clock.ts";
import { type LanAdvertisement, recordsOf } from "./advertisement.ts";
import type { Endpoint, LanSource } from "./multicast/endpoint.ts";
import { sendQuietly } from "./multicast/networks.ts";
import { type LanPacket, type LanQuestion, type LanRecord, packRecords } from "./multicast/packet.ts";
import { isSameName, SERVICE_ENUMERATION } from "./service.ts";

/** Parts and settings of a responder. */
export interface LanResponderOptions {
  /** Port of multicast DNS. A question from another port is answered to its sender only. */
  readonly port: number;
  readonly lifetimeMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** The present announcements. */
  readonly announced: () => readonly LanAdvertisement[];
  /** When a worker's announcement went out last by this interface, on the clock; undefined: not yet. */
  readonly sentMs: (uid: string, endpoint: Endpoint) => number | undefined;
  /** Sends to all hosts of the network; never rejects. */
  readonly send: (endpoint: Endpoint, advertisements: readonly LanAdvertisement[]) => Promise<void>;
}

/**
 * RFC 6762, section 6: answers that several hosts may give wait for a random time, so that they do not all come at
 * once.
 */
const ANSWER_DELAY_MS = { least: 20, most: 120 } as const;

/**
 * Least time between two sendings of a record by one interface, whoever asks. The RFC has a second; but a watch
 * that starts just after an announcement would wait for it, and it is the limit that counts, not its size.
 */
const ANSWER_INTERVAL_MS = 250;

/** RFC 6762, section 6.7: hosts that ask from another port do not hear later announcements. */
const UNICAST_TTL_S = 10;

/** An interface's answers that are due. */
interface DueAnswers {
  readonly uids: Set<string>;
  readonly timer: Disposable;
}

/** Answers until it is closed. */
export class LanResponder {
  readonly #options: LanResponderOptions;
  readonly #due = new Map<Endpoint, DueAnswers>();

  constructor(options: LanResponderOptions) {
    this.#options = options;
  }

  /** Answers a question that came by an interface, now or soon. */
  answer(packet: LanPacket, endpoint: Endpoint, source: LanSource): void {
    const announced = this.#options.announced();
    const service = announced[0]?.service;
    const alone = source.port !== this.#options.port;
    if (service !== undefined && packet.questions.some(isEnumeration)) {
      this.#enumerate(service, packet, endpoint, alone ? source : undefined);
    }
    const known = this.#knownTo(packet);
    // Each once, since anybody may ask thousands in one packet.
    const questions = new Set(packet.questions.map(({ type, name }) => questionKey(type, name)));
    const asked = announced.filter((advertisement) => isAsked(advertisement, questions, known));
    if (asked.length === 0) return;
    if (alone) this.#answerAlone(packet, endpoint, source, asked);
    else this.#answerLater(endpoint, asked);
  }

  /** Drops the answers that are due. */
  close(): void {
    for (const { timer } of this.#due.values()) timer[Symbol.dispose]();
    this.#due.clear();
  }

  /** RFC 6762, section 7.1: a record that the asker knows, with at least half its life left, need not be sent. */
  #knownTo(packet: LanPacket): ReadonlySet<string> {
    const halfS = this.#options.lifetimeMs / 2_000;
    const known = new Set<string>();
    for (const answer of packet.answers) {
      if (answer.type === "PTR" && answer.ttl >= halfS) known.add(answer.data.toLowerCase());
    }
    return known;
  }

  #answerLater(endpoint: Endpoint, asked: readonly LanAdvertisement[]): void {
    const due = this.#due.get(endpoint);
    if (due !== undefined) {
      for (const { uid } of asked) due.uids.add(uid);
      return;
    }
    const { clock, random, announced, sentMs, send } = this.#options;
    const lastMs = asked.map(({ uid }) => sentMs(uid, endpoint) ?? Number.NEGATIVE_INFINITY);
    const delayMs = ANSWER_DELAY_MS.least + random() * (ANSWER_DELAY_MS.most - ANSWER_DELAY_MS.least);
    const uids = new Set(asked.map(({ uid }) => uid));
    const timer = clock.setTimeout(
      () => {
        this.#due.delete(endpoint);
        void send(
          endpoint,
          announced().filter(({ uid }) => uids.has(uid)),
        );
      },
      Math.max(delayMs, Math.max(...lastMs) + ANSWER_INTERVAL_MS - clock.now()),
    );
    this.#due.set(endpoint, { uids, timer });
  }

  /** Answers one who asks from another port: in a single packet, with as many records as fit. */
  #answerAlone(
    { id, questions }: LanPacket,
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
    void sendQuietly(endpoint, { id, questions: repeated(questions, asked), answers }, source);
  }

  /** @param to The only host to answer; undefined: all. */
  #enumerate(service: string, { id }: LanPacket, endpoint: Endpoint, to: LanSource | undefined): void {
    const ttl = to === undefined ? this.#options.lifetimeMs / 1_000 : UNICAST_TTL_S;
    const answers: LanRecord[] = [
      { type: "PTR", name: SERVICE_ENUMERATION, ttl, flush: false, data: service },
    ];
    if (to === undefined) {
      void sendQuietly(endpoint, { answers });
      return;
    }
    const questions: LanQuestion[] = [{ name: SERVICE_ENUMERATION, type: "PTR" }];
    void sendQuietly(endpoint, { id, questions, answers }, to);
  }
}

/** Whether one of the questions asks for the record, and the asker does not know it yet. */
function isAsked(
  { service, instance, target }: LanAdvertisement,
  questions: ReadonlySet<string>,
  known: ReadonlySet<string>,
): boolean {
  const asks = (name: string, ...types: LanQuestion["type"][]): boolean =>
    types.some((type) => questions.has(questionKey(type, name)));
  return (
    (asks(service, "PTR") && !known.has(instance.toLowerCase())) ||
    asks(service, "ANY") ||
    asks(instance, "SRV", "TXT", "ANY") ||
    asks(target, "A", "AAAA", "ANY")
  );
}

function questionKey(type: LanQuestion["type"], name: string): string {
  return `${type} ${name.toLowerCase()}`;
}

function isEnumeration({ name, type }: LanQuestion): boolean {
  return type === "PTR" && isSameName(name, SERVICE_ENUMERATION);
}

/**
 * The question to repeat in the answer to a plain resolver: only one about our own names, which are known to
 * be valid.
 */
function repeated(
  questions: readonly LanQuestion[],
  asked: readonly LanAdvertisement[],
): readonly LanQuestion[] {
  const names = new Set(
    asked.flatMap(({ service, instance, target }) =>
      [service, instance, target].map((name) => name.toLowerCase()),
    ),
  );
  const answered = questions.find(({ name }) => names.has(name.toLowerCase()));
  return answered === undefined ? [] : [{ name: answered.name, type: answered.type }];
}
