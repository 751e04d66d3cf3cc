/**
 * Which members have said that they do not have a routine, as workers of an older build do: the next call of it goes to
 * others without asking these again. What a member has said holds for the connection and the record with which it has
 * said it. It chooses no member: a call starts with the refusals that it would get.
 */
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import { type BackoffPolicy, backoffDelayMs } from "../../internal/time/backoff.ts";
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Nack } from "../../wire/frames.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { Members } from "../placement/placement.ts";

/** How often members that all lack a routine are asked for it: at most, and no answer is older than a second. */
const ASK_AGAIN: BackoffPolicy = { baseMs: 50, factor: 1.6, maxMs: 1_000, jitter: 0.2 };
/** Answers that are remembered, of all members and routines together. */
const MAX_REMEMBERED = 1_024;
/** How much of an answer is. */
const MAX_REASON = 500;

/** What a member has said of one routine. */
interface Lack {
  readonly record: Member["metadata"];
  readonly hello: Member["peer"];
  readonly nack: Nack;
  /** How often it has been asked again, counting from 1. */
  attempt: number;
  /** When it may be asked again, if there is nobody else. */
  askMs: number;
}

/** Remembers who lacks what. */
export class LackedRoutines {
  /** Whether any member has ever lacked a routine. Every call asks this first. */
  any = false;
  readonly #members: Pick<Members, "members" | "get">;
  readonly #queue: DeadlineQueue;
  /** By the uids of the members; the routine that was missed last is the last. */
  readonly #byRoutine = new Map<RoutineDefinition, Map<string, Lack>>();
  #size = 0;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(members: Pick<Members, "members" | "get">, queue: DeadlineQueue = deadlines) {
    this.#members = members;
    this.#queue = queue;
  }

  /** A member has refused a call. It is remembered if that was for want of the routine. */
  add({ definition }: Call, member: Member, nack: Nack): void {
    if (nack.code !== NackCode.UNKNOWN_ROUTINE && nack.code !== NackCode.NOT_EXPOSED) return;
    this.any = true;
    const lacking = this.#byRoutine.get(definition) ?? new Map<string, Lack>();
    this.#byRoutine.delete(definition);
    this.#byRoutine.set(definition, lacking);
    const known = lacking.get(member.uid);
    if (known !== undefined && isOf(member, known)) return; // calls that were under way together, or it was asked again
    if (known === undefined) this.#size += 1;
    const { metadata, uid, peer } = member;
    lacking.set(uid, {
      record: metadata,
      hello: peer,
      nack: {
        code: nack.code,
        reason: shownBriefly(nack.reason, MAX_REASON),
        retryAfterMs: 0,
        version: nack.version,
      },
      attempt: 1,
      askMs: this.#queue.now() + backoffDelayMs(1, ASK_AGAIN),
    });
    for (const oldest of this.#byRoutine.keys()) {
      if (this.#size <= MAX_REMEMBERED) break;
      this.#forgetAll(oldest);
    }
  }

  /** The worker that a call was last sent to has run its routine. */
  clear({ definition, lastUid }: Call): void {
    const lacking = this.#byRoutine.get(definition);
    if (lacking?.delete(lastUid) !== true) return;
    this.#size -= 1;
    if (lacking.size === 0) this.#byRoutine.delete(definition);
  }

  /**
   * Gives a new call the refusals of the members that lack its routine. If there are only such, one that has not been
   * asked for a while is left to be asked: it may have the routine by now. The program's own workers are of its own
   * build, and always asked.
   *
   * @param asksAgain False: it is not worth an attempt.
   */
  recall(call: Call, { asksAgain }: { readonly asksAgain: boolean }): void {
    const lacking = this.#current(call.definition);
    if (lacking === undefined) return;
    const elsewhere = this.#members.members.some(
      ({ uid, state, draining }) => !lacking.has(uid) && state.kind !== "gone" && (call.nested || !draining),
    );
    const nowMs = this.#queue.now();
    for (const [uid, lack] of lacking) {
      if (elsewhere || !asksAgain) call.noteRefusal(lack.nack, { uid });
      else if (this.#members.get(uid)?.own === true) continue;
      else if (nowMs < lack.askMs) call.noteRefusal(lack.nack, { uid });
      else {
        lack.attempt += 1;
        lack.askMs = nowMs + backoffDelayMs(lack.attempt, ASK_AGAIN);
      }
    }
  }

  /** Identities of the routines that a member lacks. */
  of(member: Member): readonly string[] {
    const ids: string[] = [];
    for (const [{ id }, lacking] of this.#byRoutine) {
      const lack = lacking.get(member.uid);
      if (lack !== undefined && isOf(member, lack)) ids.push(id);
    }
    return ids;
  }

  /** Who lacks a routine, as far as it still holds. */
  #current(definition: RoutineDefinition): ReadonlyMap<string, Lack> | undefined {
    const lacking = this.#byRoutine.get(definition);
    if (lacking === undefined) return undefined;
    for (const [uid, lack] of lacking) {
      const member = this.#members.get(uid);
      if (member !== undefined && isOf(member, lack)) continue;
      lacking.delete(uid);
      this.#size -= 1;
    }
    if (lacking.size > 0) return lacking;
    this.#byRoutine.delete(definition);
    return undefined;
  }

  #forgetAll(definition: RoutineDefinition): void {
    this.#size -= this.#byRoutine.get(definition)?.size ?? 0;
    this.#byRoutine.delete(definition);
  }
}

/** Whether the member is still what it was when it said so: on the same connection, with the same record. */
function isOf({ metadata, peer }: Member, { record, hello }: Lack): boolean {
  return metadata === record && peer === hello;
}
