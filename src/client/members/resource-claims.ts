/**
 * Which members are kept for calls that wait for resources there: calls that come after those, and need the same, pass them
 * by, until the member has enough free. So one that needs much is not starved by many that need little.
 * `waiting/waiting-calls.ts` makes the claims, placement heeds them.
 */
import { type Amounts, overlap } from "../../internal/amounts.ts";
import type { Member } from "./member.ts";

/** One member that is kept. */
interface Claim {
  readonly member: Member;
  readonly needs: Amounts;
}

/** What a call wants that finds no member which has enough free. */
export interface ClaimRequest {
  readonly needs: Amounts;
  /** Those on which only resources are short. */
  readonly members: readonly Member[];
  /** The one that was kept for it before. */
  readonly before: Member | undefined;
}

/** The claims of the calls that wait. */
export class ResourceClaims {
  #claims: Claim[] = [];

  /**
   * Keeps a member: the one kept before, or else the one that lacks least and is kept for nobody else.
   *
   * @returns `undefined` if there is none, or if one has enough free: the call waits for something else.
   */
  keep({ needs, members, before }: ClaimRequest): Member | undefined {
    const open = members.filter((member) => !this.keeps(member, needs));
    if (open.some(({ resources }) => resources.hasRoom(needs))) return undefined;
    const member = before !== undefined && open.includes(before) ? before : leastLacking(open, needs);
    if (member !== undefined) this.#claims.push({ member, needs });
    return member;
  }

  /** Keeps nothing any more. */
  clear(): void {
    if (this.#claims.length > 0) this.#claims = [];
  }

  /** Whether the member is kept for a call that needs some of the same. */
  keeps(member: Member, needs: Amounts): boolean {
    return this.#claims.some((claim) => claim.member === member && overlap(claim.needs, needs));
  }
}

function leastLacking(members: readonly Member[], needs: Amounts): Member | undefined {
  let best: Member | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const member of members) {
    let lacking = 0;
    for (const [name, amount] of needs) {
      lacking += Math.max(0, amount - member.resources.free(name)) / amount;
    }
    if (lacking >= least) continue;
    least = lacking;
    best = member;
  }
  return best;
}
