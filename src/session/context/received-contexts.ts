/**
 * The context variables that come with the tasks of one connection. A caller that makes many calls in one branch sends
 * the same bytes with each, which need not be read again.
 */
import type { Bindings } from "../../context/variables/bindings.ts";
import { type ContextChanges, decodeContextChanges } from "../../wire/messages/context-changes.ts";

/** What has come with a task. */
export interface ReceivedContext extends ContextChanges {
  /** Its variables, where none has a value that can change: for every task that they come with. */
  bindings?: Bindings | undefined;
}

/** Where they lie in a frame; {@link variables} copies them. */
interface ContextFrame {
  readonly bytes: Uint8Array;
  readonly variablesStart: number;
  readonly variablesEnd: number;
  variables(): Uint8Array | undefined;
}

/** Longer ones are read each time: what a connection keeps must be little. */
const MAX_KEPT_BYTES = 1_024;

const NO_BYTES = new Uint8Array(0);

/** Reads them, and remembers the last. */
export class ReceivedContexts {
  #bytes: Uint8Array = NO_BYTES;
  #last: ReceivedContext | undefined;

  /**
   * What has come with a task.
   *
   * @param frame One that has some.
   * @throws {@link ProtocolError} if it cannot be read.
   */
  read(frame: ContextFrame): ReceivedContext {
    if (this.#last !== undefined && this.#isLast(frame)) return this.#last;
    const bytes = frame.variables() ?? NO_BYTES;
    const context: ReceivedContext = decodeContextChanges(bytes);
    if (bytes.length <= MAX_KEPT_BYTES) {
      this.#bytes = bytes;
      this.#last = context;
    }
    return context;
  }

  #isLast({ bytes, variablesStart, variablesEnd }: ContextFrame): boolean {
    const known = this.#bytes;
    if (variablesEnd - variablesStart !== known.length) return false;
    // From its end: what is of one request alone often comes last.
    for (let at = known.length - 1; at >= 0; at--) {
      if (bytes[variablesStart + at] !== known[at]) return false;
    }
    return true;
  }
}
