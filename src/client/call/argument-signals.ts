/**
 * The abort signals among the arguments of one call: watched while the task is on a worker, and announced
 * there when they fire. Nothing is watched before the task is sent and after it has settled.
 */
import { encodeThrown } from "../../codec/encode/encoder.ts";
import type { References, SignalSink } from "../../codec/references.ts";
import type { Abortable } from "../../context/task.ts";
import { unwatchSignal, watchSignal } from "../../internal/signal-watch.ts";
import type { ClientSession } from "../../session/client-session.ts";

/** One of the signals. */
interface ArgumentSignal {
  readonly signal: AbortSignal;
  readonly index: number;
  /** The target that is told when it fires, while it is watched. */
  target: Abortable | undefined;
}

/** Signals in the order in which the arguments name them. */
export class ArgumentSignals implements SignalSink {
  readonly #references: References;
  readonly #signals: ArgumentSignal[] = [];

  constructor(references: References) {
    this.#references = references;
  }

  add(signal: AbortSignal): number {
    const index = this.#signals.length;
    this.#signals.push({ signal, index, target: undefined });
    return index;
  }

  /** Announces on this stream the signals that have fired, and from now on each that fires. */
  forward(session: ClientSession, stream: number): void {
    for (const argument of this.#signals) {
      const announce = (reason: unknown): void => {
        argument.target = undefined;
        if (!session.open) return;
        const payload = encodeThrown(reason, { root: "reason", references: this.#references });
        session.signal(stream, argument.index, payload);
      };
      if (argument.signal.aborted) {
        announce(argument.signal.reason);
        continue;
      }
      argument.target = { abort: announce };
      watchSignal(argument.signal, argument.target);
    }
  }

  /** Stops watching. */
  drop(): void {
    for (const argument of this.#signals) {
      if (argument.target !== undefined) unwatchSignal(argument.signal, argument.target);
      argument.target = undefined;
    }
  }
}
