/**
 * The answers of calls that had an idempotency key, for a while: a call with the key, the routine, the arguments and the
 * caller of an earlier one gets the answer of that, and its body does not run; while that one runs, it waits. Values only
 * are kept: after an error the body runs again. Nothing is kept for callers of the network whom nobody has verified.
 */
import { createHash } from "node:crypto";
import type { Peer } from "../credentials/peers/peer.ts";
import { type DeadlineEntry, deadlines } from "../internal/time/deadline-queue.ts";
import type { Payload } from "../wire/payload.ts";

/**
 * What all kept answers may take up.
 *
 * @internal for tests as well
 */
export const WINDOW_BYTES: number = 16 * 1024 * 1024;
/**
 * An answer that is larger is not kept.
 *
 * @internal for tests as well
 */
export const LARGEST_ANSWER_BYTES: number = 1024 * 1024;
/** How long an answer is kept, in milliseconds, and how long others wait for a body. */
const WINDOW_MS = 300_000;
/** About what an answer takes up beside its bytes and its key. */
const ENTRY_BYTES = 400;

/** Of what key and arguments a call is, and of whom. */
export interface AnswerKey {
  readonly name: string;
  /** Of the arguments. */
  readonly hash: string;
  /** Whether what is kept of it counts in the memory that callers on the network make the worker hold. */
  readonly counts: boolean;
}

interface Entry {
  readonly key: AnswerKey;
  readonly sinceMs: number;
  /** Encoded; absent while its body runs. */
  answer: Uint8Array | undefined;
  bytes: number;
  /** To be called when its body has ended. */
  readonly waiting: Array<() => void>;
}

/**
 * What a call finds. `run`: nothing, so that its body is to run and to be told of by {@link AnswerWindow.returned} or
 * {@link AnswerWindow.failed}. `wait`: a body that runs. `conflict`: its key with other arguments.
 */
export type Found = "run" | "wait" | "conflict" | { readonly answer: Uint8Array };

/** Who a caller is, as far as answers are kept for it: it gets its own and nobody else's. Undefined: none are. */
function scopeOf(peer: Peer, uid: string): readonly string[] | undefined {
  if (peer.local) return ["process", uid];
  return peer.verified && peer.identities.length > 0 ? ["identities", ...peer.identities] : undefined;
}

/**
 * The key of a call.
 *
 * @param uid Of the process that it has come from, as that says.
 * @param args Its arguments, with nothing that is given away.
 * @returns Undefined if no answer is kept for this caller, or these arguments.
 */
export function answerKeyOf(
  call: { readonly routine: string; readonly key: string; readonly peer: Peer; readonly uid: string },
  args: Payload,
): AnswerKey | undefined {
  const scope = scopeOf(call.peer, call.uid);
  if (scope === undefined || args.beside !== undefined) return undefined;
  const hash = createHash("sha256").update(args.bytes.subarray(args.start, args.end));
  for (const part of args.parts) hash.update(`/${part.byteLength}/`).update(part);
  const name = JSON.stringify([call.routine, call.key, scope]);
  return { name, hash: hash.digest("base64"), counts: !call.peer.local };
}

/** The answers that one worker keeps. */
export class AnswerWindow {
  readonly #budget: { heldBytes: number };
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #due: DeadlineEntry | undefined;

  /** @param budget Of what callers on the network make the process hold. */
  constructor(budget: { heldBytes: number }) {
    this.#budget = budget;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param wake To be called when there is something else to be found, if it is to wait. */
  find(key: AnswerKey, wake: () => void): Found {
    this.#forgetOld();
    const entry = this.#entries.get(key.name);
    if (entry === undefined) {
      this.#entries.set(key.name, {
        key,
        sinceMs: deadlines.now(),
        answer: undefined,
        bytes: 0,
        waiting: [],
      });
      this.#expireLater();
      return "run";
    }
    if (entry.key.hash !== key.hash) return "conflict";
    if (entry.answer !== undefined) return { answer: entry.answer };
    entry.waiting.push(wake);
    return "wait";
  }

  /** The body has returned. @param answer Its value, encoded; undefined: it cannot be kept. */
  returned(key: AnswerKey, answer: Uint8Array | undefined): void {
    const entry = this.#entries.get(key.name);
    if (entry?.key !== key) return;
    const bytes = (answer?.length ?? 0) + 2 * key.name.length + ENTRY_BYTES;
    if (answer === undefined || bytes > LARGEST_ANSWER_BYTES) {
      this.failed(key);
      return;
    }
    entry.answer = answer;
    entry.bytes = bytes;
    this.#count(entry, 1);
    for (const oldest of this.#entries.values()) {
      if (this.#bytes <= WINDOW_BYTES) break;
      if (oldest.answer !== undefined && oldest !== entry) this.#forget(oldest);
    }
    wakeAll(entry);
  }

  /** The body has not returned: the next call with the key runs its own. */
  failed(key: AnswerKey): void {
    const entry = this.#entries.get(key.name);
    if (entry?.key !== key) return;
    this.#forget(entry);
  }

  /** Forgets all. */
  close(): void {
    for (const entry of [...this.#entries.values()]) this.#forget(entry);
    this.#expireLater();
  }

  #forgetOld(): void {
    const beforeMs = deadlines.now() - WINDOW_MS;
    for (const entry of this.#entries.values()) {
      if (entry.sinceMs > beforeMs) return;
      this.#forget(entry);
    }
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.key.name);
    this.#count(entry, -1);
    entry.bytes = 0;
    wakeAll(entry);
  }

  #count({ key, bytes }: Entry, sign: 1 | -1): void {
    this.#bytes += sign * bytes;
    if (key.counts) this.#budget.heldBytes += sign * bytes;
  }

  /** What is too old goes also if nobody comes. */
  #expireLater(): void {
    const [oldest] = this.#entries.values();
    if (this.#due !== undefined) {
      if (oldest !== undefined) return;
      deadlines.cancel(this.#due);
      this.#due = undefined;
    }
    if (oldest === undefined) return;
    this.#due = deadlines.add(oldest.sinceMs + WINDOW_MS, () => {
      this.#due = undefined;
      this.#forgetOld();
      this.#expireLater();
    });
  }
}

function wakeAll({ waiting }: Entry): void {
  for (const wake of waiting.splice(0)) wake();
}
