/** Which member is kept for a call that finds none with enough free. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Member } from "../../../../src/client/members/member.ts";
import { MemberResources } from "../../../../src/client/members/member-resources.ts";
import { ResourceClaims } from "../../../../src/client/members/resource-claims.ts";

const gpu = (amount: number) => new Map([["gpu", amount * 1_000]]);

/** A member that has so many GPUs, of which so many are held. */
function useMember(total: number, held: number): Member {
  const resources = new MemberResources();
  resources.read({ gpu: total });
  if (held > 0) resources.took(gpu(held));
  return { resources } as unknown as Member; // claims look at nothing else
}

describe("ResourceClaims", () => {
  test("keeps the member that lacks least, and the same one the next time", () => {
    const claims = new ResourceClaims();
    const [full, half] = [useMember(2, 2), useMember(2, 1)];

    const kept = claims.keep({ needs: gpu(2), members: [full, half], before: undefined });
    claims.clear();
    const again = claims.keep({ needs: gpu(2), members: [full, half], before: full });

    assert.equal(kept, half);
    assert.equal(again, full);
    assert.equal(claims.keeps(full, gpu(1)), true);
    assert.equal(claims.keeps(full, new Map([["license", 1]])), false);
    assert.equal(claims.keeps(half, gpu(1)), false);
  });

  test("keeps none for a call for which one has enough free, unless that is kept for another", () => {
    const claims = new ResourceClaims();
    const [free, full] = [useMember(4, 2), useMember(2, 2)];

    const none = claims.keep({ needs: gpu(1), members: [free, full], before: undefined });
    const large = claims.keep({ needs: gpu(3), members: [free], before: undefined });
    const small = claims.keep({ needs: gpu(1), members: [free, full], before: undefined });
    const more = claims.keep({ needs: gpu(1), members: [free, full], before: undefined });

    assert.deepEqual([none, large, small, more], [undefined, free, full, undefined]);
  });
});
