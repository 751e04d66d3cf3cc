/** What needs a feature is never sent to a peer that does not list it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContextVar } from "../../../src/context/variables/context-var.ts";
import { FEATURES, LOCAL_CHUNK_SIZE } from "../../../src/session/limits.ts";
import { Feature } from "../../../src/wire/features.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { framesOf } from "../../support/memory-pair.ts";
import { connect, helloWith, payloadOf } from "../../support/protocol-peers.ts";

const SIZE = 3_000_000;
const bodies = {
  text: () => "x".repeat(SIZE),
  binary: () => ({ binary: new Uint8Array(SIZE).fill(7) }),
  thrown: () => {
    throw Object.assign(new Error("large"), { binary: new Uint8Array(SIZE) });
  },
  async *stream() {
    yield new Uint8Array(SIZE).fill(1);
    return new Uint8Array(SIZE).fill(2);
  },
  size: (value: { readonly length: number }) => value.length,
};

function without(feature: number): readonly number[] {
  return FEATURES.filter((listed) => listed !== feature);
}

test("ServerSession sends a client without Parts each message whole, its binary inside", async () => {
  await using pair = await connect(bodies, { clientHello: helloWith({ features: without(Feature.Parts) }) });
  const { client, carriers } = pair;

  const text = await client.call("text").value();
  const { binary } = (await client.call("binary").value()) as { binary: Uint8Array };
  const thrown = await client.call("thrown").outcome;
  const stream = client.call("stream", [], { generator: true });
  await stream.yielded(1);
  client.session.next(stream.stream);
  const last = (await stream.value()) as Uint8Array;

  assert.equal((text as string).length, SIZE);
  assert.deepEqual([binary.length, binary[0], binary.at(-1)], [SIZE, 7, 7]);
  assert.equal(thrown.kind === "exception" && (thrown.error as { binary: Uint8Array }).binary.length, SIZE);
  assert.deepEqual([(stream.values[0] as Uint8Array).length, last[0]], [SIZE, 2]);
  assert.equal(framesOf(carriers.server.sent).filter(({ kind }) => kind === FrameKind.Chunk).length, 0);
});

test("ServerSession sends a client with Parts large messages in chunks", async () => {
  await using pair = await connect(bodies);
  const { client, carriers } = pair;

  const { binary } = (await client.call("binary").value()) as { binary: Uint8Array };

  assert.equal(binary.length, SIZE);
  assert.ok(
    framesOf(carriers.server.sent).filter(({ kind }) => kind === FrameKind.Chunk).length >=
      SIZE / LOCAL_CHUNK_SIZE,
  );
});

test("ServerSession ends a generator without a value for a client without Grammar", async () => {
  await using pair = await connect(bodies, {
    clientHello: helloWith({ features: without(Feature.Grammar) }),
  });
  const { client, carriers } = pair;

  const stream = client.call("stream", [], { generator: true });
  await stream.yielded(1);
  client.session.next(stream.stream);
  const last = await stream.value();

  assert.equal(last, undefined);
  assert.equal(framesOf(carriers.server.sent).at(-1)?.payloadBytes, 0);
});

test("ClientSession sends a worker without Parts large arguments whole, and refuses binary beside them", async () => {
  await using pair = await connect(bodies, { hello: helloWith({ features: without(Feature.Parts) }) });
  const { client, carriers } = pair;

  const size = await client.call("size", ["x".repeat(SIZE)]).value();
  assert.throws(() => client.call("size", [new Uint8Array(SIZE)]), {
    code: "ERR_MERINO_REFUSED",
    refusal: "TOO_LARGE",
  });

  assert.equal(size, SIZE);
  assert.equal(client.session.inFlight, 0);
  assert.equal(framesOf(carriers.client.sent).filter(({ kind }) => kind === FrameKind.Chunk).length, 0);
});

test("a peer without TextUnits gets long text as UTF-8, and one with it as its code units", async () => {
  const text = `${"long text, ".repeat(20)}with a lone \ud800`;
  const texts = {
    echo: (value: unknown) => value,
    thrown: () => {
      throw Object.assign(new Error("x"), { text });
    },
    async *sent(): AsyncGenerator<unknown, unknown, unknown> {
      return yield yield "ready";
    },
  };
  const value = { text, wide: `${text.replace("\ud800", "")}\u20ac` };
  for (const takes of [true, false]) {
    const features = takes ? FEATURES : without(Feature.TextUnits);
    const hello = helloWith({ features });
    await using pair = await connect(texts, { clientHello: hello, hello });
    const { client, carriers } = pair;

    const back = await client.call("echo", [value]).value();
    const thrown = await client.call("thrown").outcome;
    const stream = client.call("sent", [], { generator: true });
    await stream.yielded(1);
    client.session.send(stream.stream, payloadOf(value, { textUnits: true }));
    await stream.yielded(2);

    assert.deepEqual([back, stream.values[1]], [value, value]);
    assert.equal(thrown.kind === "exception" && (thrown.error as { text: string }).text, text);
    const sent = Buffer.concat([...carriers.client.sent, ...carriers.server.sent]);
    assert.equal(sent.includes(Buffer.from("lone \u20ac", "utf16le").subarray(2)), takes);
    assert.equal(sent.includes("\u20ac"), !takes);
  }
});

test("ServerSession and ClientSession send text as UTF-8 that is too large as code units", async () => {
  const text = `${"x".repeat(60_000)}\u20ac`;
  const limits = { maxMessage: 100_000 };
  const hello = helloWith({ limits });
  const echo = { echo: (value: unknown) => value };
  await using pair = await connect(echo, { clientHello: hello, hello });

  const back = await pair.client.call("echo", [text]).value();

  assert.equal(back, text);
});

test("a client that takes no context variables gets none, and a worker that takes none is sent none", async () => {
  const variable = new ContextVar<string>("features.test variable");
  const set = { set: () => variable.set("inside") && "set" };
  const carries = (batches: readonly Uint8Array[]): boolean =>
    batches.some((batch) => Buffer.from(batch).includes("features.test variable"));
  for (const takes of [true, false]) {
    const features = takes ? FEATURES : without(Feature.Context);
    await using pair = await connect(set, { clientHello: helloWith({ features }) });

    assert.equal(await pair.client.call("set").value(), "set");
    assert.equal(carries(pair.carriers.server.sent), takes);
  }
});

test("a peer without Platform is sent no object of the platform, and its sender is told where the first is", async () => {
  const bodies = {
    size: (value: object) => Object.keys(value).length,
    answer: () => ({ a: [new Headers()] }),
    thrown: () => {
      throw Object.assign(new Error("x"), { headers: new Headers() });
    },
  };
  const hello = helloWith({ features: without(Feature.Platform) });
  await using pair = await connect(bodies, { clientHello: hello, hello });
  const { client } = pair;

  assert.throws(() => client.session.send(1, payloadOf({ a: [new Headers()] }, { platform: true })), {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    path: "value.a[0]",
    message: /send \[\.\.\.headers\], since this worker runs an earlier version/,
  });
  const answered = await client.call("answer").outcome;
  const thrown = await client.call("thrown").outcome;

  assert.equal(answered.kind === "exception" && (answered.error as { path: string }).path, "result.a[0]");
  assert.match(
    thrown.kind === "exception" ? (thrown.error as { headers: string }).headers : "",
    /^\[not sent: /,
  );
});
