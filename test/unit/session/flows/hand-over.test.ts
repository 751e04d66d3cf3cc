/** What the ends of a flow take for broken where its items are given to somebody else, and what tokens are. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FlowKind } from "../../../../src/codec/format.ts";
import { createToken, readGiven, writeGiven } from "../../../../src/session/flows/hand-over.ts";
import { FlowAct } from "../../../../src/wire/messages/flow.ts";
import { flowPair } from "../../../support/flow-pair.ts";
import { payloadOf } from "../../../support/protocol-peers.ts";

async function* numbers() {
  yield 1;
}

const head = (act: FlowAct) => ({ index: 0, act, number: 0, taken: 0 });
const ELSEWHERE = payloadOf(["maker", "token"]);

describe("a token", () => {
  test("is another one each time, of 128 bits", () => {
    const tokens = new Set(Array.from({ length: 1_000 }, createToken));

    assert.equal(tokens.size, 1_000);
    for (const token of tokens) assert.equal(Buffer.from(token, "base64url").length, 16);
  });

  test("is read with the uid as it was written, and nothing else is", () => {
    const given = { uid: "maker", token: createToken() };

    assert.deepEqual(readGiven(writeGiven(given)), given);
    for (const other of [
      undefined,
      "maker",
      [],
      ["maker"],
      ["maker", 1],
      [1, "token"],
      ["", "token"],
      ["maker", ""],
      ["maker", "t".repeat(65)],
      ["m".repeat(129), "token"],
      ["maker", "token", "unix:/elsewhere"],
    ])
      assert.equal(readGiven(other), undefined);
  });
});

describe("ReceivedIterable", () => {
  test("is not told that it is elsewhere before it has asked, or twice, or without a place", async () => {
    for (const payload of [ELSEWHERE, payloadOf("anywhere")]) {
      const { pass, received } = flowPair();
      const items = pass<AsyncIterator<number>>(numbers(), FlowKind.ITERABLE);

      assert.match(received.take(head(FlowAct.Elsewhere), ELSEWHERE) ?? "", /elsewhere/);
      const read = items.next();
      if (payload === ELSEWHERE) assert.equal(received.take(head(FlowAct.Elsewhere), payload), undefined);
      assert.match(received.take(head(FlowAct.Elsewhere), payload) ?? "", /elsewhere/);
      received.end(() => new Error("over"));
      await assert.rejects(read, /over/);
    }
  });

  test("takes no item from an owner that has said that they are elsewhere, until it has asked for them there", async () => {
    const { pass, received, sent } = flowPair();
    const items = pass<AsyncIterator<number>>(numbers(), FlowKind.ITERABLE);
    const read = items.next();
    received.take(head(FlowAct.Elsewhere), ELSEWHERE);

    assert.match(received.take(head(FlowAct.Item), payloadOf(7)) ?? "", /elsewhere/);

    // Nobody is reached from here.
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(sent.some(({ act }) => act === FlowAct.Here));
    received.take(head(FlowAct.Item), payloadOf(7));
    assert.deepEqual(await read, { value: 1, done: false });
  });

  test("is not given away unless that was asked for", () => {
    const { pass, received } = flowPair();
    pass(numbers(), FlowKind.ITERABLE);

    assert.match(received.take(head(FlowAct.Given), payloadOf(undefined)) ?? "", /given away/);
  });
});

describe("OwnIterable", () => {
  test("is not asked for here where it is nowhere else, nor given away where nobody keeps it", () => {
    const { pass, own } = flowPair();
    pass(numbers(), FlowKind.ITERABLE);

    assert.match(own.take(head(FlowAct.Here), payloadOf(undefined)) ?? "", /elsewhere/);
    assert.match(own.take(head(FlowAct.Give), payloadOf("token")) ?? "", /given away/);
    assert.match(own.take(head(FlowAct.Give), payloadOf(7)) ?? "", /given away/);
  });
});
