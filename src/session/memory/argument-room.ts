/**
 * The room in memory for the values that callers on the network have given to bodies: the arguments, and what a generator
 * was sent last. A body keeps them for as long as it likes, so they count until it has ended, whatever has become of its
 * caller; what finds no room is refused before it is made.
 */
import { TaskRefusedError } from "../../errors/task-refused-error.ts";
import { HeapGarbage } from "./heap-garbage.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** From this part on, what is left is for callers that do not have much of it already. */
const OTHERS_FROM = 3 / 4;
/** Who takes up more than this part has much of it. */
const MUCH = 1 / 64;

/** A task as far as its values are counted. */
export interface ValueHolder {
  /** What its arguments take up, and what it was sent last; set here only. */
  argumentBytes: number;
  sentBytes: number;
  /** The caller's account; absent for one on this host, whose values are not counted. */
  readonly memory: { argumentBytes: number } | undefined;
}

/** About what values take up. */
export interface ValueSize {
  /** In the heap. */
  readonly objectBytes: number;
  /** Beside it. */
  readonly binaryBytes: number;
}

/** The values of all bodies of one worker. */
export class ArgumentRoom {
  readonly #budget: MemoryBudget;
  readonly #garbage: HeapGarbage;

  /** @param garbage What they leave in the heap; that of this thread unless a test gives another. */
  constructor(budget: MemoryBudget, garbage: HeapGarbage = new HeapGarbage()) {
    this.#budget = budget;
    this.#garbage = garbage;
  }

  /** Whether whatever this caller sends finds no room. */
  isFull(caller: { readonly argumentBytes: number } | undefined): boolean {
    return caller !== undefined && this.#budget.argumentBytes >= this.#limitOf(caller);
  }

  /**
   * The arguments of a task are about to be made.
   *
   * @throws {@link TaskRefusedError} if there is no room for them: FULL, or TOO_LARGE if there never is.
   */
  holdArguments(task: ValueHolder, size: ValueSize): void {
    const bytes = this.#weigh(size);
    this.#admit(task, bytes);
    task.argumentBytes = bytes;
    this.#count(task, bytes);
  }

  /** As `holdArguments`, for a value that is sent to a generator, which lets go of the one before it. */
  holdSent(task: ValueHolder, size: ValueSize): void {
    this.#count(task, -task.sentBytes);
    task.sentBytes = 0;
    const bytes = this.#weigh(size);
    this.#admit(task, bytes);
    task.sentBytes = bytes;
    this.#count(task, bytes);
  }

  /** The body has ended. */
  release(task: ValueHolder): void {
    this.#count(task, -task.argumentBytes - task.sentBytes);
    task.argumentBytes = 0;
    task.sentBytes = 0;
  }

  #weigh({ objectBytes, binaryBytes }: ValueSize): number {
    return Math.ceil(objectBytes * this.#budget.objectWeight) + binaryBytes;
  }

  #limitOf(caller: { readonly argumentBytes: number }): number {
    const { argumentLimit } = this.#budget;
    return caller.argumentBytes > argumentLimit * MUCH ? argumentLimit * OTHERS_FROM : argumentLimit;
  }

  #admit({ memory }: ValueHolder, bytes: number): void {
    if (memory === undefined) return;
    const { argumentBytes, argumentLimit } = this.#budget;
    const largest = Math.floor(argumentLimit * OTHERS_FROM);
    if (bytes > largest) {
      throw new TaskRefusedError(
        "TOO_LARGE",
        `its values would take up ${bytes} bytes of memory, and the worker has room for ${largest} of one call; send less at a time, or binary, or raise maxHeldBytes of the worker`,
      );
    }
    if (argumentBytes + bytes <= this.#limitOf(memory)) {
      this.#garbage.limit(this.#budget.limitBytes / this.#budget.objectWeight);
      return;
    }
    throw new TaskRefusedError(
      "FULL",
      `the values of calls that run take up ${argumentBytes} bytes of the worker's memory, and there is no room for another ${bytes}`,
    );
  }

  #count({ memory }: ValueHolder, bytes: number): void {
    if (memory === undefined || bytes === 0) return;
    if (bytes < 0) this.#garbage.add(-bytes);
    memory.argumentBytes += bytes;
    this.#budget.countArguments(bytes);
  }
}
