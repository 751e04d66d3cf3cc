/**
 * The definitions of this side on one connection: each routine and descriptor gets a number once, with a Define
 * frame, and is named by it from then on. It neither makes definitions nor keeps them.
 */
import type { BatchWriter } from "../wire/batch/writer.ts";
import type { Limits, RoutineOrigin } from "../wire/frames.ts";
import { DefineKind } from "../wire/messages/define-kind.ts";

/** A routine or descriptor to be interned; compared by identity of the object. */
export interface Definable {
  readonly value: Uint8Array;
  readonly location: string;
  /** Of a routine: what this process's own one is. */
  readonly origin?: RoutineOrigin | undefined;
}

/** The numbers that the peer knows. */
export class OutboundDefinitions {
  readonly #writer: BatchWriter;
  readonly #routineRefs = new Map<object, number>();
  readonly #proxyRefs = new Map<object, number>();
  #maxDefines = 0;
  #next = 1;

  constructor(writer: BatchWriter) {
    this.#writer = writer;
  }

  /** From here on there is room for as many as the peer takes. */
  keepTo(limits: Limits): void {
    this.#maxDefines = limits.maxDefines;
  }

  /** See `ClientSession.routineRef`. */
  routineRef<K extends object>(key: K, describe: (key: K) => Definable): number {
    return this.#routineRefs.get(key) ?? this.#define(this.#routineRefs, DefineKind.Routine, key, describe);
  }

  /** As `routineRef`, for the descriptor of a proxy. */
  proxyRef<K extends object>(key: K, describe: (key: K) => Definable): number {
    return this.#proxyRefs.get(key) ?? this.#define(this.#proxyRefs, DefineKind.Proxy, key, describe);
  }

  #define<K extends object>(
    table: Map<object, number>,
    kind: number,
    key: K,
    describe: (key: K) => Definable,
  ): number {
    if (this.#next > this.#maxDefines) return 0;
    const { value, location, origin } = describe(key);
    const index = this.#next++;
    table.set(key, index);
    this.#writer.define({ kind, index, value, location, origin });
    return index;
  }
}
