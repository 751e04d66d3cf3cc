/** Calls of all kinds, made all the while, each under an id of its own; and what has become of each. */
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { type CallTarget, isMerinoError } from "merino";
import { Random } from "../../fuzz/random.ts";
import { blockFor, type CallKind, KINDS, pickKind } from "./kinds.ts";

const LANES = 40;
/** Leaves the processor to the workers, and to others, for most of the time. */
const LONGEST_PAUSE_MS = 60;

/** A call that has settled. */
export interface SettledCall {
  readonly id: string;
  readonly kind: string;
  /** `value`, `left`, `given up`, what is wrong with the answer, or the code of the error. */
  readonly outcome: string;
  /** Whether the error says that the body has not run. */
  readonly notRun: boolean;
  readonly tookMs: number;
}

/** Such calls. Disposing lets no further ones be made. */
export class ChaosLoad implements Disposable {
  readonly settled: SettledCall[] = [];
  /** What calls that should not have failed, or not so, have said. */
  readonly surprises: string[] = [];
  readonly #pool: CallTarget;
  readonly #seed: number;
  readonly #pending = new Map<string, { readonly kind: string; readonly sinceMs: number }>();
  readonly #others = new Set<Promise<void>>();
  readonly #lanes: Promise<unknown>;
  #giveUp = new AbortController();
  /** Generators that were begun before have to be left. */
  #leaveBeforeMs = 0;
  #ending = false;
  #blocks = 0;

  constructor(pool: CallTarget, seed: number) {
    this.#pool = pool;
    this.#seed = seed;
    this.#lanes = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#lane(lane)));
  }

  /** Calls that have not settled, for people. */
  get pending(): readonly string[] {
    return [...this.#pending].map(
      ([id, { kind, sinceMs }]) => `${kind} ${id}, for ${Math.round(performance.now() - sinceMs)} ms`,
    );
  }

  /** Cancels those calls under way that have a signal. */
  abortSome(): void {
    const giveUp = this.#giveUp;
    this.#giveUp = new AbortController();
    giveUp.abort(new GivenUp());
  }

  /** Leaves the generators that are being read. */
  closeGenerators(): void {
    this.#leaveBeforeMs = performance.now();
  }

  /** Blocks a worker. */
  block(ms: number): void {
    this.#blocks += 1;
    const id = `block.${this.#blocks}`;
    const call = this.#call("block", blockFor(ms), { id, random: new Random(this.#seed, 0, this.#blocks) });
    this.#others.add(call);
    void call.finally(() => this.#others.delete(call));
  }

  /** Makes no further calls. Resolves when all have settled. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.#lanes;
    await Promise.all(this.#others);
  }

  [Symbol.dispose](): void {
    this.#ending = true;
  }

  async #lane(lane: number): Promise<void> {
    const random = new Random(this.#seed, 1, lane);
    for (let n = 0; !this.#ending; n++) {
      const kind = pickKind(random);
      const { call } = KINDS[kind] ?? {};
      if (call !== undefined) await this.#call(kind, call, { id: `${lane}.${n}`, random });
      await pause(random.below(LONGEST_PAUSE_MS));
    }
  }

  async #call(
    kind: string,
    call: CallKind,
    { id, random }: { readonly id: string; readonly random: Random },
  ): Promise<void> {
    const sinceMs = performance.now();
    this.#pending.set(id, { kind, sinceMs });
    const context = {
      id,
      random,
      pool: this.#pool,
      givenUp: this.#giveUp.signal,
      leaveGenerators: () => sinceMs < this.#leaveBeforeMs,
    };
    const verdict = await call(context).then(
      (outcome) => ({ outcome, notRun: false }),
      (error: unknown) => this.#judge(error, `${kind} ${id}`),
    );
    this.#pending.delete(id);
    this.settled.push({ id, kind, ...verdict, tookMs: performance.now() - sinceMs });
  }

  #judge(error: unknown, what: string): Pick<SettledCall, "outcome" | "notRun"> {
    if (error instanceof GivenUp) return { outcome: "given up", notRun: false };
    if (error instanceof DOMException && error.name === "TimeoutError")
      return { outcome: "cancelled", notRun: false };
    const code = isMerinoError(error) ? error.code : undefined;
    switch (code) {
      case "ERR_MERINO_WORKER_LOST":
        return { outcome: code, notRun: false };
      case "ERR_MERINO_NO_WORKERS":
        return { outcome: code, notRun: true };
      case "ERR_MERINO_TIMEOUT":
        return { outcome: code, notRun: (error as { readonly phase?: string }).phase === "queued" };
      default:
        this.surprises.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
        return { outcome: code ?? "an error that is none of Merino's", notRun: false };
    }
  }
}

/** Why a call was cancelled. */
class GivenUp extends Error {}
