/** What every carrier must show. Run by a few lines per carrier. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { CARRIER_HEADROOM, type Carrier } from "../../src/session/carrier.ts";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";

/** Two connected carriers. Disposing frees what they stand on; the carriers end themselves. */
export interface ConnectedCarriers extends AsyncDisposable {
  readonly client: Carrier;
  readonly server: Carrier;
  /** For carriers that never fill by themselves: makes the client's behave as full, and as having room again. */
  readonly congestion?: { begin(): void; end(): void };
}

/** What one end has been told. */
interface Seen {
  readonly carrier: Carrier;
  /** Each batch, or its digest. */
  readonly batches: string[];
  drains: number;
  readonly ends: Array<Error | undefined>;
  /** Called after each batch. */
  onBatch: (() => void) | undefined;
}

const LARGE = 200_000;
/** More than the buffers of any carrier hold. */
const MANY = 2_000;

function watch(carrier: Carrier): Seen {
  const seen: Seen = { carrier, batches: [], drains: 0, ends: [], onBatch: undefined };
  carrier.events = {
    batch(bytes, start, end) {
      assert.equal(seen.ends.length, 0, "a batch after the end");
      seen.batches.push(nameOf(bytes.subarray(start, end)));
      seen.onBatch?.();
    },
    drain() {
      seen.drains += 1;
    },
    closed(error) {
      seen.ends.push(error);
    },
  };
  return seen;
}

function nameOf(content: Uint8Array): string {
  if (content.length < 100) return Buffer.from(content).toString("latin1");
  return `${content.length} ${createHash("sha1").update(content).digest("hex")}`;
}

/** A batch as carriers take it: whatever is in its headroom is theirs to overwrite. */
function batch(content: string | Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.alloc(CARRIER_HEADROOM, 0xee), Buffer.from(content as Uint8Array)]);
}

/** Bytes that tell one place from another. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff;
  return bytes;
}

/**
 * Registers the tests.
 *
 * @param name What the tests call the carrier.
 * @param connect Makes a connected pair; `runtimeRoot` is a private directory for sockets.
 */
export function carrierContract(
  name: string,
  connect: (runtimeRoot: string) => Promise<ConnectedCarriers>,
): void {
  async function withPair(
    body: (pair: {
      readonly client: Seen;
      readonly server: Seen;
      readonly congestion: ConnectedCarriers["congestion"];
    }) => Promise<void>,
  ): Promise<void> {
    await using leaks = leakCheck();
    await using pair = await connect(leaks.runtimeRoot);
    const client = watch(pair.client);
    const server = watch(pair.server);
    try {
      await body({ client, server, congestion: pair.congestion });
    } finally {
      client.carrier.destroy();
      server.carrier.destroy();
    }
    await eventually(() => client.ends.length > 0 && server.ends.length > 0);
    assert.deepEqual([client.ends.length, server.ends.length], [1, 1], "each end is told once");
  }

  test(`${name} delivers batches whole and in order, in both directions`, async () => {
    await withPair(async ({ client, server }) => {
      const sizes = [0, 1, 5, 99, 4_091, 4_092, 4_096, 4_097, 16_384, 65_535, 65_536, LARGE, 3];
      const contents = sizes.map(pattern);

      for (const content of contents) {
        client.carrier.send(batch(content));
        server.carrier.send(batch(content));
      }
      await eventually(() => [client, server].every(({ batches }) => batches.length === contents.length));

      assert.deepEqual(client.batches, contents.map(nameOf));
      assert.deepEqual(server.batches, contents.map(nameOf));
    });
  });

  test(`${name} delivers a batch and its tail as one batch`, async () => {
    await withPair(async ({ client, server }) => {
      const small = pattern(20, 1);
      const large = pattern(LARGE, 2);

      for (const { carrier } of [client, server]) {
        carrier.send(batch(small.subarray(0, 7)), small.subarray(7));
        carrier.send(batch(""), small);
        carrier.send(batch(large.subarray(0, 10)), large.subarray(10));
        carrier.send(batch("after"));
      }
      await eventually(() => [client, server].every(({ batches }) => batches.length === 4));

      const expected = [nameOf(small), nameOf(small), nameOf(large), "after"];
      assert.deepEqual([client.batches, server.batches], [expected, expected]);
    });
  });

  test(`${name} does not use the memory of a batch again, unless it says so`, async () => {
    await withPair(async ({ client, server }) => {
      const kept: Array<{ readonly bytes: Uint8Array; readonly name: string }> = [];
      client.carrier.events = {
        batch(bytes, start, end) {
          const content = bytes.subarray(start, end);
          kept.push({
            bytes: client.carrier.volatile ? Uint8Array.from(content) : content,
            name: nameOf(content),
          });
        },
        drain() {},
        closed: (error) => client.ends.push(error),
      };

      for (let count = 0; count < 50; count++) server.carrier.send(batch(pattern(count * 700, count)));
      await eventually(() => kept.length === 50);

      assert.deepEqual(
        kept.map(({ bytes }) => nameOf(bytes)),
        kept.map((one) => one.name),
      );
    });
  });

  test(`${name} delivers what is sent from within a delivery`, async () => {
    await withPair(async ({ client, server }) => {
      server.onBatch = () => {
        if (server.batches.length < 100) server.carrier.send(batch(`answer ${server.batches.length}`));
      };
      client.onBatch = () => client.carrier.send(batch("question"));

      client.carrier.send(batch("question"));
      await eventually(() => server.batches.length === 100);

      assert.deepEqual(
        client.batches,
        Array.from({ length: 99 }, (_, at) => `answer ${at + 1}`),
      );
    });
  });

  test(`${name} says when to hold back and when there is room again, and loses nothing`, async () => {
    await withPair(async ({ client, server, congestion }) => {
      const content = pattern(50_000, 3);

      congestion?.begin();
      let sent = 0;
      for (let more = true; more && sent < MANY; sent++) more = client.carrier.send(batch(content));
      // What follows leaves all the same: only bulk should wait.
      client.carrier.send(batch("control"));
      const drainsBefore = client.drains;
      congestion?.end();
      await eventually(() => client.drains > 0 && server.batches.length === sent + 1);
      const after = client.carrier.send(batch("later"));
      await eventually(() => server.batches.length === sent + 2);

      assert.ok(sent < MANY, "it never said that it was full");
      assert.equal(drainsBefore, 0);
      assert.equal(after, true);
      assert.deepEqual(server.batches.slice(-2), ["control", "later"]);
      assert.equal(new Set(server.batches).size, 3);
    });
  });

  for (const [closing, other] of [
    ["client", "server"],
    ["server", "client"],
  ] as const) {
    test(`${name} close of the ${closing} delivers what was sent, then ends both in good order`, async () => {
      await withPair(async (pair) => {
        const content = pattern(50_000, 4);

        for (let count = 0; count < 40; count++) pair[closing].carrier.send(batch(content));
        pair[closing].carrier.send(batch("last"), Buffer.from(" words"));
        pair[closing].carrier.close();
        pair[closing].carrier.close();
        await eventually(() => pair.client.ends.length > 0 && pair.server.ends.length > 0);

        assert.equal(pair[other].batches.length, 41);
        assert.equal(pair[other].batches.at(-1), "last words");
        assert.deepEqual([pair.client.ends, pair.server.ends], [[undefined], [undefined]]);
      });
    });

    test(`${name} destroy of the ${closing} tells both ends, its own with the error`, async () => {
      await withPair(async (pair) => {
        const reason = new Error("no longer wanted");
        pair[closing].carrier.send(batch("first"));
        await eventually(() => pair[other].batches.length === 1);

        pair[closing].carrier.destroy(reason);
        pair[closing].carrier.destroy(new Error("again"));
        pair[closing].carrier.close();
        await eventually(() => pair.client.ends.length > 0 && pair.server.ends.length > 0);

        assert.deepEqual(pair[closing].ends, [reason]);
        assert.equal(pair[other].ends.length, 1);
      });
    });
  }

  test(`${name} can be closed from within a delivery`, async () => {
    await withPair(async ({ client, server }) => {
      client.onBatch = () => client.carrier.close();

      server.carrier.send(batch("one"));
      await eventually(() => client.ends.length > 0 && server.ends.length > 0);

      assert.deepEqual(client.batches, ["one"]);
      assert.deepEqual(client.ends, [undefined]);
    });
  });

  test(`${name} can be destroyed from within a delivery, and then delivers nothing more`, async () => {
    await withPair(async ({ client, server }) => {
      client.onBatch = () => client.carrier.destroy();

      for (let count = 0; count < 20; count++) server.carrier.send(batch(`${count}`));
      await eventually(() => client.ends.length > 0 && server.ends.length > 0);

      assert.equal(client.ends.length, 1);
    });
  });

  test(`${name} bears what is sent after its end`, async () => {
    await withPair(async ({ client, server }) => {
      client.carrier.close();
      client.carrier.send(batch("too late"));
      await eventually(() => client.ends.length > 0 && server.ends.length > 0);
      client.carrier.send(batch("much too late"), Buffer.from("tail"));
      server.carrier.send(batch("much too late"));
      client.carrier.destroy();
      server.carrier.close();

      assert.deepEqual([client.batches, server.batches], [[], []]);
    });
  });
}
