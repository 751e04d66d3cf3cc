/** What a process takes from some moment on: the most memory, and processor time. Of one that another process attacks. */
import { readFileSync } from "node:fs";
import { residentBytes } from "../../support/resident-bytes.ts";

/** The kernel counts processor time of processes in these. */
const TICK_S = 0.01;
const SAMPLE_MS = 5;

/** A process that is watched until this is disposed of. */
export class WatchedProcess implements Disposable {
  readonly #pid: number;
  readonly #beforeBytes: number;
  readonly #beforeS: number;
  readonly #sinceMs = performance.now();
  readonly #sampling: NodeJS.Timeout;
  #mostBytes: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#beforeBytes = residentBytes(pid);
    this.#mostBytes = this.#beforeBytes;
    this.#beforeS = processorSeconds(pid);
    this.#sampling = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** By how many bytes its memory has grown at most. */
  get grownBytes(): number {
    return this.#mostBytes - this.#beforeBytes;
  }

  /** How many processors it has kept busy until now; none is known of one that has ended. */
  get processors(): number {
    const tookS = (performance.now() - this.#sinceMs) / 1_000;
    return (processorSeconds(this.#pid) - this.#beforeS) / tookS;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sampling);
  }

  #sample(): void {
    try {
      this.#mostBytes = Math.max(this.#mostBytes, residentBytes(this.#pid));
    } catch {
      // It has ended, which whoever waits for its answers learns.
    }
  }
}

function processorSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_S;
  } catch {
    return Number.NaN;
  }
}
