/**
 * The context variables of an iterable or a callback, at one end of it: what the other end knows, what is to be told to it
 * beside the next message, and what it tells. Both ends begin with what went with the call, or with its answer. No tokens
 * are told: whoever has the source or the function works in a fork.
 */

import { noteContext } from "../../context/scope.ts";
import { type Bindings, NO_BINDINGS } from "../../context/variables/bindings.ts";
import type { Branch } from "../../context/variables/branch.ts";
import { errorText } from "../../internal/error-text.ts";
import { warnOnce } from "../../internal/warn-once.ts";
import { decodeContextChanges } from "../../wire/messages/context-changes.ts";
import { type EncodeContextOptions, encodeContext } from "./encode-context.ts";
import { ReceivedBinding, type ValueOrigin } from "./received-binding.ts";
import { comesBack, mergeChanges, takeChanges } from "./take-changes.ts";

/** The call or task, as the variables of what goes on in it see it. */
export interface FlowContextHost {
  /** How what goes to the other end is encoded; `undefined`: that takes none. */
  contextOptions(): EncodeContextOptions | undefined;
  /** Where what comes from it comes from. */
  contextOrigin(): ValueOrigin;
  /** So many more bytes are held of what has come; fewer, where negative. */
  holds(bytes: number): void;
}

const NO_EXTRAS = { stores: NO_BINDINGS, branch: [], spentTokens: [] };

/** The exchange of variables of one flow, at one end. */
export class FlowContext {
  readonly #host: FlowContextHost;
  readonly #begin: () => Bindings;
  /** What the other end knows; absent until somebody asks. */
  #known: Bindings | undefined;
  #before: Bindings | undefined;
  #heldBytes = 0;

  /** @param begin What both ends know when the flow begins; called when that is over, once. */
  constructor(host: FlowContextHost, begin: () => Bindings) {
    this.#host = host;
    this.#begin = begin;
  }

  /** What the other end knows. */
  get known(): Bindings {
    this.#known ??= this.#begin();
    return this.#known;
  }

  /** The branch of a source begins with what the reader knows, whatever has been set since it was made. */
  begin(branch: Branch): void {
    if (this.#host.contextOptions() !== undefined) branch.bindings = this.known;
  }

  /**
   * What the other end does not know yet of a branch, and knows from now on.
   *
   * @param lenient Whether what cannot travel stays behind; then it never throws.
   * @returns Encoded; `undefined` where there is nothing to tell.
   * @throws As {@link encodeContext}.
   */
  tell({ bindings }: Branch, { lenient }: { readonly lenient: boolean }): Uint8Array | undefined {
    const { known } = this;
    if (bindings === known) return undefined;
    const options = this.#host.contextOptions();
    if (options === undefined) return undefined;
    try {
      const bytes = encodeContext(known, bindings, NO_EXTRAS, { ...options, lenient });
      this.#before = known;
      this.#known = bindings;
      return bytes.length === 0 ? undefined : bytes;
    } catch (error) {
      if (!lenient) throw error;
      warnOnce("MERINO_CONTEXT_LEFT_BEHIND", `Context variables stay behind: ${errorText(error)}`);
      return undefined;
    }
  }

  /** What {@link tell} has given last was not sent. */
  untell(): void {
    if (this.#before !== undefined) this.#known = this.#before;
  }

  /** At the end that has the source or the function: its own branch goes on with what the reader has changed. */
  follow(variables: Uint8Array, branch: Branch): void {
    const { changes } = decodeContextChanges(variables);
    this.#learn(takeChanges(changes, { branch, known: this.known, origin: this.#host.contextOrigin() }));
  }

  /** At the reader's end: takes over what the source has changed. @throws {@link ProtocolError} if it cannot be read. */
  merge(variables: Uint8Array, branch: Branch): void {
    const { changes } = decodeContextChanges(variables);
    const isFromWorker = this.#host.contextOptions()?.back !== true;
    const news = isFromWorker ? changes.filter(comesBack) : changes;
    this.#learn(mergeChanges(news, { branch, known: this.known, origin: this.#host.contextOrigin() }));
  }

  #learn(known: Bindings): void {
    noteContext();
    this.#known = known;
    let heldBytes = 0;
    for (const binding of known.values())
      if (binding instanceof ReceivedBinding) heldBytes += binding.sizeBytes;
    this.#host.holds(heldBytes - this.#heldBytes);
    this.#heldBytes = heldBytes;
  }
}
