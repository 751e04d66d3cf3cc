/** One call with flows, and what happens to it: drawn from a seed, so that it can be done again. */
import { callback, type WorkerPool } from "merino";
import { Random } from "../../fuzz/random.ts";
import { eventually } from "../../support/eventually.ts";
import { type BodyFault, give, map, mapBack, relay, take, tell, write } from "./jobs.ts";

export const VESSELS = ["thread", "process", "network"] as const;
export type Vessel = (typeof VESSELS)[number];

const SHAPES = ["take", "map", "give", "mapBack", "tell", "write", "relay"] as const;
const FAULTS = ["none", "abort", "timeout", "leave", "own", "throw", "die", "block"] as const;
/** Errors that such a call may end with whatever is done to it: others end workers beside it. */
const CODES = ["ERR_MERINO_WORKER_LOST", "ERR_MERINO_TIMEOUT", "ERR_MERINO_CALL_ENDED"];
const NO_FAULT: BodyFault = { what: "none", at: 0 };
/** A call that takes longer has been forgotten. */
const FORGOTTEN_MS = 60_000;

export interface Schedule {
  readonly seed: number;
  readonly index: number;
  readonly vessel: Vessel;
  readonly shape: (typeof SHAPES)[number];
  readonly fault: (typeof FAULTS)[number];
  /** With which item, callback or chunk it happens. */
  readonly at: number;
  readonly count: number;
  /** In the second body, of two. */
  readonly isFar: boolean;
  readonly awaited: boolean;
  readonly prefetch: number;
  readonly timeoutMs: number;
}

export function scheduleOf(seed: number, index: number, vessels: readonly Vessel[] = VESSELS): Schedule {
  const random = new Random(seed, index);
  const vessel = vessels[index % vessels.length] as Vessel;
  // Who has no worker of its own has no other one to pass something on to, and ends none that is blocked.
  const shapes = vessel === "network" ? SHAPES.filter((shape) => shape !== "relay") : SHAPES;
  const faults = vessel === "network" ? FAULTS.filter((fault) => fault !== "block") : FAULTS;
  const count = random.oneIn(3) ? 1_000 : random.small(300);
  return {
    seed,
    index,
    vessel,
    shape: random.pick(shapes),
    fault: random.pick(faults),
    at: random.oneIn(4) ? 0 : random.small(Math.max(1, count)),
    count,
    isFar: random.oneIn(2),
    awaited: random.oneIn(2),
    prefetch: random.oneIn(2) ? 16 : 0,
    timeoutMs: 1 + random.small(60),
  };
}

/** What has come of one: whether it went well, and what should not have been. */
export interface Outcome {
  readonly ended: string;
  readonly findings: readonly string[];
}

/** Makes the call. */
export async function run(schedule: Schedule, pool: WorkerPool): Promise<Outcome> {
  const findings: string[] = [];
  const call = new FaultyCall(schedule, pool);
  let timer: NodeJS.Timeout | undefined;
  const forgotten = new Promise<"never">((resolve) => {
    timer = setTimeout(resolve, FORGOTTEN_MS, "never");
  });
  const ended = await Promise.race([call.outcome(), forgotten]);
  clearTimeout(timer);
  if (ended === "never") findings.push("it never settles");
  else if (ended.startsWith("wrong")) findings.push(ended);
  // A call whose answer is left goes on until its worker has said that it is over.
  await eventually(() => call.openSources === 0).catch(() => findings.push("its source is not closed"));
  return { ended, findings };
}

class FaultyCall {
  openSources = 0;
  readonly #schedule: Schedule;
  readonly #pool: WorkerPool;
  readonly #abort = new AbortController();
  #events = 0;

  constructor(schedule: Schedule, pool: WorkerPool) {
    this.#schedule = schedule;
    this.#pool = pool;
  }

  /** How it has ended: "well", "left", or with an error that it may end with; else what is wrong. */
  async outcome(): Promise<string> {
    const { fault } = this.#schedule;
    try {
      return await this.#call();
    } catch (error) {
      const { code, message, name } = error as Error & { readonly code?: string };
      if (code !== undefined && CODES.includes(code)) return code;
      if (message === `a fault of ${fault}`) return fault;
      if (fault === "throw" && message === "a fault") return fault;
      if (fault === "abort" && name === "AbortError") return fault;
      return `wrong: ${name} ${code ?? ""} ${message}`;
    }
  }

  get #bodyFault(): BodyFault {
    const { fault, at } = this.#schedule;
    return fault === "throw" || fault === "die" || fault === "block" ? { what: fault, at } : NO_FAULT;
  }

  get #options() {
    const { fault, timeoutMs, prefetch } = this.#schedule;
    const timeout = fault === "timeout" ? timeoutMs : fault === "block" ? 300 : undefined;
    return { pool: this.#pool, signal: this.#abort.signal, timeout, prefetch };
  }

  async #call(): Promise<string> {
    const { shape, count, isFar, awaited } = this.#schedule;
    const { prefetch, ...options } = this.#options;
    const total = (count * (count - 1)) / 2;
    const told = callback((_n: number) => this.#event());
    switch (shape) {
      case "take":
        return this.#same(await take.with(options)(this.#source(), this.#bodyFault), total);
      case "map":
        return await this.#read(map.with({ ...options, prefetch })(this.#source(), this.#bodyFault));
      case "give":
        return await this.#read((await give.with(options)(count, this.#bodyFault)).items);
      case "mapBack":
        return await this.#read(await mapBack.with(options)(this.#source(), this.#bodyFault));
      case "tell":
        return this.#same(await tell.with(options)(told, count, awaited, this.#bodyFault), count);
      case "write": {
        const into = new WritableStream<number>({ write: () => this.#event() });
        return this.#same(await write.with(options)(into, count, this.#bodyFault), count);
      }
      case "relay": {
        const faults = isFar ? [NO_FAULT, this.#bodyFault] : [this.#bodyFault, NO_FAULT];
        return this.#same(await relay.with(options)(this.#source(), told, faults), total);
      }
    }
  }

  #same(value: number, expected: number): string {
    return value === expected ? "well" : `wrong: ${value} in place of ${expected}`;
  }

  /** Reads items to their end, or leaves them. */
  async #read(items: AsyncIterable<number>): Promise<string> {
    const { fault, at, count } = this.#schedule;
    let read = 0;
    for await (const item of items) {
      if (item !== read) return `wrong: item ${item} in place of ${read}`;
      if (fault === "leave" && read === at) return "left";
      read += 1;
      this.#event();
    }
    return this.#same(read, count);
  }

  async *#source(): AsyncGenerator<number> {
    this.openSources += 1;
    try {
      for (let n = 0; n < this.#schedule.count; n++) {
        this.#event();
        yield n;
      }
    } finally {
      this.openSources -= 1;
    }
  }

  /** An item, a callback or a chunk: with one of them, something happens. */
  #event(): void {
    const { fault, at } = this.#schedule;
    if (this.#events++ !== at) return;
    if (fault === "abort") this.#abort.abort();
    if (fault === "own") throw new Error("a fault of own");
  }
}
