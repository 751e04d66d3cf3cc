import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Ask,
  afterEnd,
  NEXT,
  type StepRequest,
  StepRequests,
} from "../../../../../src/client/call/generator/step-requests.ts";
import { movedElements } from "../../../../support/moved-elements.ts";

function request(ask: Ask, more: Partial<StepRequest> = {}): StepRequest {
  return {
    ask,
    payload: undefined,
    implied: false,
    behindBarrier: false,
    inTurn: false,
    resolve() {},
    reject() {},
    ...more,
  };
}

describe("StepRequests", () => {
  test("answers in the order of asking, and keeps the process alive while somebody waits", () => {
    const requests = new StepRequests();
    const [one, two] = [request(NEXT), request(NEXT)];
    const handles = () => process.getActiveResourcesInfo().length;
    const before = handles();

    requests.push(one);
    requests.push(two);
    assert.ok(handles() > before);
    assert.equal(requests.first, one);
    assert.equal(requests.shift(), one);
    assert.ok(handles() > before);
    assert.equal(requests.shift(), two);

    assert.equal(requests.shift(), undefined);
    assert.equal(handles(), before);
  });

  test("takes the youngest back, or all of them", () => {
    const requests = new StepRequests();
    const [one, two, three] = [request(NEXT), request(NEXT), request(NEXT)];
    for (const each of [one, two, three]) requests.push(each);

    requests.pop();

    assert.deepEqual(requests.drain(), [one, two]);
    assert.equal(requests.size, 0);
    requests.pop();
    assert.equal(requests.size, 0);
  });

  test("knows whether one returns, and whether one has been put off", () => {
    const requests = new StepRequests();
    requests.push(request(NEXT));
    assert.deepEqual([requests.returning, requests.anyInTurn], [false, false]);

    requests.push(request({ kind: "return", value: 1 }));
    requests.push(request({ kind: "throw", value: 1 }, { inTurn: true }));

    assert.deepEqual([requests.returning, requests.anyInTurn], [true, true]);
    requests.drain();
  });

  test("keeps early steps until the call has left, and those after the first again if it starts anew", () => {
    const requests = new StepRequests();
    const [first, second, early] = [request(NEXT), request(NEXT), request(NEXT)];
    requests.push(first);
    requests.push(second);
    requests.push(request(NEXT, { implied: true }));
    requests.push(request(NEXT, { inTurn: true }));
    requests.postpone(early);

    assert.deepEqual(requests.postponed(), [early]);
    assert.deepEqual(requests.postponed(), []);
    requests.restart(true);

    assert.deepEqual(requests.postponed(), [second]);
    requests.drain();
  });

  test("answers as a generator that is done", async () => {
    assert.deepEqual(await afterEnd(NEXT), { value: undefined, done: true });
    assert.deepEqual(await afterEnd({ kind: "return", value: 7 }), { value: 7, done: true });
    await assert.rejects(afterEnd({ kind: "throw", value: new RangeError("x") }), RangeError);
  });

  test("moves no step for another, however many are asked for ahead", () => {
    const requests = new StepRequests();
    const steps = 60_000;

    const moved = movedElements(() => {
      for (let n = 0; n < steps; n += 1) requests.push(request(NEXT));
      for (let n = 0; n < steps; n += 1) requests.shift();
    });

    assert.ok(moved <= 3 * steps, `${moved} moves`);
  });
});
