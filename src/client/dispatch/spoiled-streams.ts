/**
 * Counts for each member the streams in a row that it has spoiled: by frames that break the protocol, or by an answer
 * that is no value. One such stream says little, and fails its call; a member that answers in no other way is evicted.
 * Refusals, cancelled calls and lost connections neither count nor interrupt the row.
 */
import { FAILURE_POLICY, type FailureKind } from "../members/failure-policy.ts";
import type { Member } from "../members/member.ts";
import type { Members } from "../placement/placement.ts";

/** Spoiled streams in a row after which a member is evicted. */
const MAX_IN_A_ROW = 5;

/** Watches the answers of members. */
export class SpoiledStreams {
  /** Whether a stream has ever been spoiled. Every answer asks this first. */
  any = false;
  readonly #members: Pick<Members, "get" | "evict">;
  readonly #inARow = new WeakMap<Member, number>();

  constructor(members: Pick<Members, "get" | "evict">) {
    this.#members = members;
  }

  /** A member has spoiled a stream. */
  add(uid: string, failure: FailureKind, error: Error): void {
    const member = this.#members.get(uid);
    if (member === undefined || FAILURE_POLICY[failure].member !== "strike") return;
    this.any = true;
    const count = (this.#inARow.get(member) ?? 0) + 1;
    this.#inARow.set(member, count);
    if (count < MAX_IN_A_ROW) return;
    const detail = `it spoiled ${count} calls in a row, the last one so: ${error.message}`;
    this.#members.evict(member, "evicted", detail);
  }

  /** A member has answered as it should. */
  clear(uid: string): void {
    const member = this.#members.get(uid);
    if (member !== undefined) this.#inARow.delete(member);
  }
}
