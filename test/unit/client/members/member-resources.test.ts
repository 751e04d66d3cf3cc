/** What is believed to be free on a member, by what our own calls hold there and what it has refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemberResources } from "../../../../src/client/members/member-resources.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const gpu = (amount: number) => new Map([["gpu", amount * 1_000]]);

function useResources(total: number) {
  const clock = useFakeClock();
  const resources = new MemberResources(new DeadlineQueue(clock));
  resources.read({ gpu: total });
  let reopened = 0;
  return {
    clock,
    resources,
    refuse(needs: number, free: number, pauseMs = 10) {
      resources.refused({ needs: gpu(needs), free: gpu(free), pauseMs, reopened: () => reopened++ });
    },
    get reopened() {
      return reopened;
    },
    [Symbol.dispose]: () => clock[Symbol.dispose](),
  };
}

describe("MemberResources", () => {
  test("has room for what its record says and our own calls leave", () => {
    using use = useResources(2);
    const { resources } = use;

    resources.took(gpu(1));
    assert.deepEqual([resources.hasRoom(gpu(1)), resources.hasRoom(gpu(2))], [true, false]);
    assert.deepEqual([resources.fits(gpu(2)), resources.fits(gpu(3))], [true, false]);
    assert.equal(resources.fits(new Map([["license", 1]])), false);
    resources.left(gpu(1));
    assert.equal(resources.hasRoom(gpu(2)), true);
    assert.equal(resources.ours.size, 0);
  });

  test("takes what a refusal leaves for held by others, until a pause is over that grows", async () => {
    using use = useResources(2);
    const { clock, resources } = use;

    use.refuse(2, 1);
    assert.deepEqual([resources.hasRoom(gpu(1)), resources.hasRoom(gpu(2))], [true, false]);
    await clock.advance(9);
    assert.equal(use.reopened, 0);
    await clock.advance(1);
    assert.deepEqual([use.reopened, resources.hasRoom(gpu(2))], [1, true]);
    use.refuse(2, 0);
    await clock.advance(19);
    assert.equal(use.reopened, 1);
    await clock.advance(1);
    assert.equal(use.reopened, 2);
    for (let n = 0; n < 20; n++) {
      use.refuse(2, 0);
      await clock.advance(250);
    }
    assert.equal(use.reopened, 22);
  });

  test("gives one more room when a call has been accepted", () => {
    using use = useResources(4);
    const { resources } = use;

    use.refuse(1, 0);
    assert.equal(resources.hasRoom(gpu(1)), false);
    resources.accepted(gpu(1));

    assert.deepEqual([resources.hasRoom(gpu(1)), resources.hasRoom(gpu(2))], [true, false]);
  });

  test("asks a worker that refuses what it says is free no sooner than any other", async () => {
    using use = useResources(2);
    const { clock, resources } = use;

    use.refuse(1, 1_000);
    assert.equal(resources.hasRoom(gpu(1)), false);
    await clock.advance(10);
    assert.equal(resources.hasRoom(gpu(1)), true);
  });
});
