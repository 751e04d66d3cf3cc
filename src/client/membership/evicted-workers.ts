/**
 * Workers that were members and broke a rule: each sits out a cool-down, is then asked again, and either
 * returns or sits out a longer one. Whether there is a place for one that returns is decided in `places.ts`.
 */
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { type BackoffPolicy, backoffDelayMs } from "../../internal/time/backoff.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

/** How long an evicted worker is left alone: 5 s at first, up to a minute for one that keeps breaking the rules. */
export const EVICTION_COOL_DOWN: BackoffPolicy = { baseMs: 5_000, factor: 2, maxMs: 60_000, jitter: 0.1 };

/** Workers kept here, and evictions remembered of those that have returned, so that the next cool-down is longer. */
const MAX_REMEMBERED = 1024;

/** Settings and callbacks of a cool-down. */
export interface EvictedWorkersOptions {
  readonly coolDown: BackoffPolicy;
  /** Asks a worker who it is; rejects when it does not fit. */
  readonly probe: (worker: WorkerMetadata, signal: AbortSignal) => Promise<unknown>;
  /** The worker fits: it is no longer kept here. */
  readonly returned: (worker: WorkerMetadata, own: boolean) => void;
}

/** One worker that sits out. */
interface Evicted {
  worker: WorkerMetadata;
  readonly own: boolean;
  /** Why it was evicted. */
  readonly refusal: Refusal;
  /** Its answer when it was last asked; "" before that. */
  readonly answer: string;
  /** Whether it has broken a rule itself, and is asked again; else only its record is against the rules. */
  readonly broke: boolean;
  /** How many evictions, and probes that failed, came in a row. */
  readonly strikes: number;
  readonly due: DeadlineEntry | undefined;
  readonly abort: AbortController;
}

/** Evicted workers by uid, the longest evicted first. */
export class EvictedWorkers {
  readonly #options: EvictedWorkersOptions;
  readonly #evicted = new Map<string, Evicted>();
  /** Of workers that have returned: how often they had been evicted, and when they returned. */
  readonly #record = new Map<string, { readonly strikes: number; readonly atMs: number }>();

  constructor(options: EvictedWorkersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#evicted.size;
  }

  has(uid: string): boolean {
    return this.#evicted.has(uid);
  }

  /** Why each was evicted. */
  refusals(): Refusal[] {
    return [...this.#evicted.values()].map(({ refusal, answer }) =>
      answer === "" ? refusal : { ...refusal, detail: `${refusal.detail}; asked again: ${answer}` },
    );
  }

  /**
   * Takes up a worker that has been a member.
   *
   * @param options `broke`: it has broken a rule itself, and is asked again after a cool-down. Else only its
   *   record is against the rules, and another record is all it needs.
   */
  add(
    worker: WorkerMetadata,
    refusal: Refusal,
    options: { readonly own: boolean; readonly broke: boolean },
  ): void {
    const { uid } = worker;
    this.#forgetOldest();
    const earlier = this.#record.get(uid);
    this.#record.delete(uid);
    // One that has kept to the rules for as long as the longest cool-down begins anew.
    const recent = earlier !== undefined && deadlines.now() - earlier.atMs < this.#options.coolDown.maxMs;
    const strikes = (recent ? earlier.strikes : 0) + 1;
    this.#sitOut(worker, refusal, { ...options, asked: options.broke, strikes });
  }

  /** Takes a new record of a worker, and what the rules of admission say about it. */
  judge(worker: WorkerMetadata, refusal: Refusal | undefined): void {
    const evicted = this.#evicted.get(worker.uid);
    if (evicted === undefined) return;
    evicted.worker = worker;
    const { own, broke, strikes, due } = evicted;
    if (refusal !== undefined) {
      this.#stop(evicted);
      this.#sitOut(worker, refusal, { own, broke, asked: false, strikes });
    } else if (due === undefined) {
      if (broke) this.#sitOut(worker, evicted.refusal, { own, broke, asked: true, strikes });
      else this.#return(evicted);
    }
  }

  /** Forgets a worker: it has gone, or is a member again by another way. */
  forget(uid: string): void {
    const evicted = this.#evicted.get(uid);
    this.#record.delete(uid);
    if (evicted === undefined) return;
    this.#stop(evicted);
    this.#evicted.delete(uid);
  }

  close(): void {
    for (const evicted of this.#evicted.values()) this.#stop(evicted);
    this.#evicted.clear();
    this.#record.clear();
  }

  #forgetOldest(): void {
    if (this.#evicted.size < MAX_REMEMBERED) return;
    const oldest = this.#evicted.keys().next();
    if (oldest.done !== true) this.forget(oldest.value);
  }

  #sitOut(
    worker: WorkerMetadata,
    refusal: Refusal,
    options: {
      readonly own: boolean;
      readonly broke: boolean;
      readonly asked: boolean;
      readonly strikes: number;
      readonly answer?: string;
    },
  ): void {
    const { own, broke, asked, strikes, answer = "" } = options;
    const abort = new AbortController();
    const delayMs = backoffDelayMs(strikes, this.#options.coolDown, Math.random);
    const due = asked ? deadlines.after(delayMs, () => this.#probe(evicted)) : undefined;
    const evicted: Evicted = { worker, own, refusal, answer, broke, strikes, due, abort };
    this.#evicted.set(worker.uid, evicted);
  }

  #probe(evicted: Evicted): void {
    const { worker, own, refusal, strikes, abort } = evicted;
    this.#options.probe(worker, abort.signal).then(
      () => {
        if (this.#evicted.get(worker.uid) === evicted) this.#return(evicted);
      },
      (error: unknown) => {
        if (this.#evicted.get(worker.uid) !== evicted) return;
        const answer = errorText(error);
        const options = { own, broke: true, asked: true, strikes: strikes + 1, answer };
        this.#sitOut(evicted.worker, refusal, options);
      },
    );
  }

  #return(evicted: Evicted): void {
    const { worker, own, strikes } = evicted;
    this.#stop(evicted);
    this.#evicted.delete(worker.uid);
    if (this.#record.size >= MAX_REMEMBERED) {
      const oldest = this.#record.keys().next();
      if (oldest.done !== true) this.#record.delete(oldest.value);
    }
    this.#record.set(worker.uid, { strikes, atMs: deadlines.now() });
    this.#options.returned(worker, own);
  }

  #stop(evicted: Evicted): void {
    if (evicted.due !== undefined) deadlines.cancel(evicted.due);
    evicted.abort.abort(new DOMException("The answer is not needed any more", "AbortError"));
  }
}
