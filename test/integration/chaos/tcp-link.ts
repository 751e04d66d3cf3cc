/** One connection through the proxy: two sockets, and what passes between them in either direction, in order. */
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";

/** The ends of a connection. */
export type End = "caller" | "worker";

/** What the network does to every connection at present. */
export interface Weather {
  /** How long each piece travels. */
  readonly delayMs: number;
  /** Nothing gets through, and nothing is lost. */
  readonly silent: boolean;
}

/** Passes on what it is told, each thing when its time has come and never before those ahead of it. */
class Direction {
  readonly #waiting: { readonly dueMs: number; readonly deliver: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  later(delayMs: number, deliver: () => void): void {
    if (delayMs === 0 && this.#waiting.length === 0) return deliver();
    this.#waiting.push({ dueMs: performance.now() + delayMs, deliver });
    this.#timer ??= setTimeout(() => this.#deliver(), delayMs);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #deliver(): void {
    this.#timer = undefined;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        return;
      }
      this.#waiting.shift();
      next.deliver();
    }
  }
}

/** Such a connection. Both sockets are paused, and let half-open connections be. */
export class TcpLink {
  readonly #ends: Readonly<Record<End, Socket>>;
  readonly #directions = { caller: new Direction(), worker: new Direction() };
  readonly #weather: Weather;
  /** The end that has not been told that the other one is gone. */
  #deaf: End | undefined;

  /** @param over Called once both sockets are closed. */
  constructor(ends: Readonly<Record<End, Socket>>, weather: Weather, over: () => void) {
    this.#ends = ends;
    this.#weather = weather;
    for (const [from, to] of [["caller", "worker"] as const, ["worker", "caller"] as const]) {
      const socket = ends[from];
      socket.on("error", () => {}); // closed next
      socket.on("data", (piece: Buffer) => this.#later(from, () => this.#write(from, to, piece)));
      socket.once("end", () => {
        if (this.#deaf === from) socket.destroy();
        else this.#later(from, () => ends[to].end());
      });
      socket.once("close", () => {
        if (this.#deaf === undefined) this.#later(from, () => ends[to].destroySoon());
        if (!ends.caller.closed || !ends.worker.closed) return;
        for (const direction of Object.values(this.#directions)) direction.end();
        over();
      });
    }
    this.weatherChanged();
  }

  /** Ends it for both, by a reset or in order. */
  cut(how: "reset" | "end"): void {
    for (const socket of Object.values(this.#ends)) {
      // A reset waits for what is still to be written, which may take for ever; and Node, if the socket is destroyed
      // meanwhile or has been ended before, keeps the descriptor, and does not end with the program.
      const { writableLength, writableEnded, connecting } = socket;
      if (how === "reset" && writableLength === 0 && !writableEnded && !connecting) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** Ends it for one; the other hears nothing any more. */
  halfOpen(told: End): void {
    this.#deaf ??= told === "caller" ? "worker" : "caller";
    this.#ends[told].destroy();
  }

  weatherChanged(): void {
    for (const socket of Object.values(this.#ends)) {
      if (this.#weather.silent) socket.pause();
      else socket.resume();
    }
  }

  #later(from: End, deliver: () => void): void {
    this.#directions[from].later(this.#weather.delayMs, deliver);
  }

  #write(from: End, to: End, piece: Buffer): void {
    const source = this.#ends[from];
    const target = this.#ends[to];
    // What a deaf end says is taken by the network, and lost.
    if (this.#deaf !== undefined || target.destroyed || target.writableEnded) return;
    if (target.write(piece)) return;
    source.pause();
    target.once("drain", () => {
      if (!this.#weather.silent) source.resume();
    });
  }
}
