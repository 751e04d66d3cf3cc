/**
 * Says when it is time to look at a directory again: at once after a change, else once per interval.
 *
 * The directory may be removed and made anew by other processes. Its watch then tells of its own end, and the
 * next one is bound to the new directory. Neither watch nor timer keeps the process alive.
 */
import { type FSWatcher, lstatSync, watch } from "node:fs";
import { basename } from "node:path";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";

/** Why to look: something changed, or the interval is over. */
export type AlarmReason = "change" | "interval";

/** An alarm clock for one directory and one sleeper. */
export class DirectoryAlarm {
  readonly #path: string;
  readonly #intervalMs: number;
  readonly #queue: DeadlineQueue;
  #next: DeadlineEntry;
  #watcher: FSWatcher | undefined;
  #watchedInode: number | undefined;
  #rung: AlarmReason | undefined;
  #wake: ((reason: AlarmReason) => void) | undefined;

  readonly #intervalOver = (): void => {
    this.#next = this.#queue.after(this.#intervalMs, this.#intervalOver);
    this.ring("interval");
  };

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(path: string, intervalMs: number, queue: DeadlineQueue = deadlines) {
    this.#path = path;
    this.#intervalMs = intervalMs;
    this.#queue = queue;
    this.#next = queue.after(intervalMs, this.#intervalOver);
  }

  /**
   * Watches the directory as it stands now. To be called before each look at it.
   *
   * @throws the file system's error if it cannot be watched; the interval then has to do, unless it was ENOENT.
   */
  watch(): void {
    const inode = lstatSync(this.#path).ino;
    if (this.#watcher !== undefined && this.#watchedInode === inode) return;
    this.#unwatch();
    const watcher = watch(this.#path, { persistent: false }, (_type, name) => {
      // The directory itself was removed or moved. The inode would not always tell: a new one may get the same.
      if (name === null || name === basename(this.#path)) this.#watchedInode = undefined;
      this.ring("change");
    });
    watcher.on("error", () => {
      this.#unwatch();
      this.ring("change");
    });
    this.#watcher = watcher;
    this.#watchedInode = inode;
  }

  /** Wakes the sleeper, or keeps the next one from falling asleep. The interval's turn outranks a change. */
  ring(reason: AlarmReason): void {
    const wake = this.#wake;
    if (wake !== undefined) {
      this.#wake = undefined;
      wake(reason);
    } else if (this.#rung !== "interval") {
      this.#rung = reason;
    }
  }

  /** Resolves at the next ring, or at once if it rang since the last. */
  sleep(): Promise<AlarmReason> {
    const rung = this.#rung;
    this.#rung = undefined;
    if (rung !== undefined) return Promise.resolve(rung);
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  close(): void {
    this.#queue.cancel(this.#next);
    this.#unwatch();
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watchedInode = undefined;
  }
}
