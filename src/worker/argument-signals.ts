/**
 * The abort signals among the arguments of one task: each has its number, and fires when the caller's does. They count
 * as memory of the caller until the task is over.
 */
import type { SignalSource } from "../codec/references.ts";

/** Signals that may be announced to one task; it can hardly have so many among its arguments. */
const MAX_SIGNALS = 4096;
/** About what one of them takes up beside its reason. */
const SIGNAL_BYTES = 1024;

/** What the connection holds for its peer. */
interface HeldMemory {
  weigh(bytes: number): number;
  add(bytes: number): void;
  drop(bytes: number): void;
}

/** Signals by index. */
export class ArgumentSignals implements SignalSource {
  readonly #memory: HeldMemory | undefined;
  readonly #controllers = new Map<number, AbortController>();
  /** What those count that were announced. */
  #bytes = 0;

  /** @param memory Absent: the caller is on this host. */
  constructor(memory: HeldMemory | undefined) {
    this.#memory = memory;
  }

  /** The signal that stands at this index in the arguments. */
  get(index: number): AbortSignal {
    return this.#controller(index).signal;
  }

  /**
   * One has fired on the caller's side.
   *
   * @param reasonBytes What its reason takes up.
   * @returns What fires it here; `undefined` for one more than a task may have.
   */
  announced(index: number, reasonBytes: number): AbortController | undefined {
    if (this.#controllers.size >= MAX_SIGNALS && !this.#controllers.has(index)) return undefined;
    const controller = this.#controller(index);
    if (!controller.signal.aborted && this.#memory !== undefined) {
      const bytes = this.#memory.weigh(SIGNAL_BYTES + reasonBytes);
      this.#bytes += bytes;
      this.#memory.add(bytes);
    }
    return controller;
  }

  /** Nobody announces one any more. */
  over(): void {
    this.#memory?.drop(this.#bytes);
    this.#bytes = 0;
  }

  #controller(index: number): AbortController {
    let controller = this.#controllers.get(index);
    if (controller === undefined) {
      controller = new AbortController();
      this.#controllers.set(index, controller);
    }
    return controller;
  }
}
