/**
 * What is named by a number on one connection: each routine and descriptor is told once, with a Define frame, and is
 * named by its number from then on, which means the same for as long as the connection lasts. Both directions are here:
 * the numbers that this side has given out, and the definitions that the peer has. Definitions are neither made nor
 * interpreted here.
 */
import { ProtocolError } from "../errors/protocol-error.ts";
import type { BatchWriter } from "../wire/batch/writer.ts";
import type { Define, Limits, RoutineOrigin } from "../wire/frames.ts";
import { DefineKind } from "../wire/messages/define-kind.ts";
import type { ConnectionMemory } from "./memory/peer-memory.ts";

/** The highest kind that a Define frame can have. */
const MAX_KIND = 255;

/** Bytes that the definitions of one connection may hold: room for as many of usual length as may be made. */
const MAX_DEFINED_BYTES = 64 * 1024 * 1024;

/** What a definition takes up beside its texts: its objects, and its entry in the table. */
const DEFINITION_BYTES = 400;

/** Kinds that tasks refer to. Nobody asks for one of another kind, so it is not kept. */
const KEPT_KINDS: ReadonlySet<number> = new Set<number>([DefineKind.Routine, DefineKind.Proxy]);

/** A routine or descriptor to be interned; compared by identity of the object. */
export interface Definable {
  readonly value: Uint8Array;
  readonly location: string;
  /** Of a routine: what this process's own one is. */
  readonly origin?: RoutineOrigin | undefined;
  /** Of a descriptor: it has come over a network. Default false. */
  readonly tainted?: boolean | undefined;
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
    const { value, location, origin, tainted } = describe(key);
    const index = this.#next++;
    table.set(key, index);
    this.#writer.define({ kind, index, value, location, origin, tainted });
    return index;
  }
}

/** The definitions that have come. */
export class InboundDefinitions {
  readonly #maxDefines: number;
  readonly #memory: ConnectionMemory | undefined;
  readonly #defines = new Map<number, Define>();
  #bytes = 0;

  /**
   * @param maxDefines The highest index, which this side has announced.
   * @param memory Where they are counted; absent: nowhere.
   */
  constructor(maxDefines: number, memory?: ConnectionMemory) {
    this.#maxDefines = maxDefines;
    this.#memory = memory;
  }

  get(kind: number, index: number): Define | undefined {
    return this.#defines.get(defineKey(kind, index));
  }

  /** @throws {@link ProtocolError} for an index out of bounds, or one in use, or more than this side can keep. */
  add(define: Define): void {
    const key = defineKey(define.kind, define.index);
    if (define.index === 0 || define.index > this.#maxDefines || define.kind > MAX_KIND) {
      throw new ProtocolError(
        `A definition with the index ${define.index}, beyond the limit of ${this.#maxDefines}`,
      );
    }
    if (!KEPT_KINDS.has(define.kind)) return;
    if (this.#defines.has(key)) throw new ProtocolError(`The index ${define.index} was defined twice`);
    const bytes = sizeOf(define);
    this.#bytes += bytes;
    if (this.#bytes > MAX_DEFINED_BYTES) {
      throw new ProtocolError(`Definitions of more than ${MAX_DEFINED_BYTES} bytes on one connection`);
    }
    this.#defines.set(key, define);
    this.#memory?.add(this.#memory.weigh(bytes));
  }
}

/** About the bytes that it takes up. */
function sizeOf({ value, location, origin }: Define): number {
  const own = DEFINITION_BYTES + value.length + location.length;
  if (origin === undefined) return own;
  return (
    own + origin.copy.length + origin.packageVersion.length + origin.scriptHash.length + origin.path.length
  );
}

function defineKey(kind: number, index: number): number {
  return kind * 2 ** 32 + index;
}
