/** A value of a context variable that has come from another process, decoded when it is first asked for. */
import { decodeValue } from "../../codec/decode/decoder.ts";
import type { References } from "../../codec/references.ts";
import type { Binding } from "../../context/variables/bindings.ts";
import { isTainted, NETWORK, type Source } from "../../identity/taint.ts";
import type { ContextChange } from "../../wire/messages/context-changes.ts";
import { NO_PARTS } from "../../wire/payload.ts";

/** Where values come from. */
export interface ValueOrigin {
  readonly references: References;
  readonly source: Source;
  /** URL of the module whose routine they come with. */
  readonly module: string | undefined;
  /** Identity of that routine. */
  readonly routine: string;
}

/** A message that need not be cut into its values. */
const SHORT_BYTES = 1_024;

/** What has not been looked at. */
const UNREAD = Symbol("unread");

/** A value in bytes, and then itself. */
export class ReceivedBinding implements Binding {
  /** Identity of the routine that it has come with. */
  readonly routine: string;
  /** Whether it holds what has come over a network. */
  readonly tainted: boolean;
  readonly #bytes: Uint8Array;
  readonly #origin: ValueOrigin;
  #value: unknown = UNREAD;

  /** @param bytes Its encoded form, which is kept. */
  constructor(bytes: Uint8Array, { tainted }: Pick<ContextChange, "tainted">, origin: ValueOrigin) {
    this.routine = origin.routine;
    this.tainted = isTainted(origin.source, tainted);
    // A short value must not keep a long message.
    const { byteLength } = bytes.buffer;
    this.#bytes = byteLength > SHORT_BYTES && bytes.length * 2 < byteLength ? new Uint8Array(bytes) : bytes;
    this.#origin = origin;
  }

  /** Bytes of its encoded form. */
  get sizeBytes(): number {
    return this.#bytes.length;
  }

  get value(): unknown {
    if (this.#value === UNREAD) {
      const { references, module } = this.#origin;
      const source = this.tainted ? NETWORK : this.#origin.source;
      const bytes = this.#bytes;
      const encoded = { bytes, start: 0, end: bytes.length, parts: NO_PARTS };
      this.#value = decodeValue(encoded, { references, source, module });
    }
    return this.#value;
  }

  /**
   * Its encoded form, where it is still that: of a variable that nobody here has read, of which this process may know
   * nothing, and of a value that cannot change.
   */
  get unchanged(): Uint8Array | undefined {
    return this.#value === UNREAD || this.fixed ? this.#bytes : undefined;
  }

  /** Whether it has been read, and is a value that cannot change. */
  get fixed(): boolean {
    return this.#value !== UNREAD && !isChangeable(this.#value);
  }
}

/** Whether a value is an object, which may have been changed since it was read. */
export function isChangeable(value: unknown): boolean {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
