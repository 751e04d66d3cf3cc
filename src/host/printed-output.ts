/**
 * What bodies print in a worker whose parent passes it on: how much, and whether the pipes to the parent have taken all
 * of it. The carriers of callers on this host send no answer before (`transport/unix/carrier.ts`). As long as nothing is
 * printed, this costs nothing.
 *
 * What is written past `process.stdout` and `process.stderr`, by `fs.writeSync` or by processes that a body starts, is
 * not counted.
 */
import { Socket } from "node:net";
import { deadlines } from "../internal/time/deadline-queue.ts";
import type { Printed } from "../transport/output/printed.ts";

/** How long answers wait for output that the parent does not read. */
const WRITE_MS = 1_000;

/** The streams of this process, as soon as somebody has used them. */
export class PrintedOutput implements Printed {
  used = false;
  readonly #streams: Socket[] = [];

  /** Follows both streams from their first use on. To be made once, before any module of the user is imported. */
  constructor() {
    for (const name of ["stdout", "stderr"] as const) this.#follow(name);
  }

  get bytes(): number {
    let sum = 0;
    for (const stream of this.#streams) sum += stream.bytesWritten;
    return sum;
  }

  get isWritten(): boolean {
    return this.#streams.every(({ writableLength }) => writableLength === 0);
  }

  whenWritten(written: () => void): void {
    let left = 1;
    const one = (): void => {
      left -= 1;
      if (left !== 0) return;
      deadlines.cancel(limit);
      written();
    };
    // Whoever reads the other end may not go on; the answers do.
    const limit = deadlines.after(WRITE_MS, () => {
      left = 0;
      written();
    });
    for (const stream of this.#streams) {
      left += 1;
      stream.write("", one);
    }
    one();
  }

  #follow(name: "stdout" | "stderr"): void {
    const property = Object.getOwnPropertyDescriptor(process, name);
    const make = property?.get;
    if (make === undefined) return; // somebody has put another stream there
    let followed = false;
    Object.defineProperty(process, name, {
      ...property,
      get: (): unknown => {
        const stream: unknown = make.call(process);
        if (!followed && stream instanceof Socket) {
          followed = true;
          this.#streams.push(stream);
          this.used = true;
        }
        return stream;
      },
    });
  }
}
