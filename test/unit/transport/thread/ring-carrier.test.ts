/** Ring carriers under whatever schedule: their waiters look only when the test says so. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import fc from "fast-check";
import { CARRIER_HEADROOM } from "../../../../src/session/carrier.ts";
import { createRings, RingCarrier } from "../../../../src/transport/thread/ring-carrier.ts";
import type { CarrierWaiter, Waited } from "../../../../src/transport/thread/ring-waiter.ts";
import { createSleepMemory } from "../../../../src/transport/thread/sleep-word.ts";
import { eventually } from "../../../support/eventually.ts";

/** Waits for one carrier, by hand. */
class HandWaiter implements CarrierWaiter {
  readonly memory = createSleepMemory();
  #waited: Waited | undefined;

  add(waited: Waited): void {
    this.#waited = waited;
  }

  remove(): void {
    this.#waited = undefined;
  }

  sent(): void {}
  expect(): void {}
  arrived(): void {}

  /** Takes what has come. Returns whether anything had. */
  look(): boolean {
    if (this.#waited?.pending !== true) return false;
    this.#waited.take();
    return true;
  }
}

interface End {
  readonly carrier: RingCarrier;
  readonly waiter: HandWaiter;
  readonly received: string[];
  /** The number of each enclosure that has come, and how many batches had come before it. */
  readonly enclosures: { readonly number: unknown; readonly after: number }[];
  /** It has been told that bulk should wait, and not yet that there is room. */
  full: boolean;
  ends: number;
}

function connectedEnds(): readonly [client: End, server: End] {
  const { port1, port2 } = new MessageChannel();
  const memory = createRings();
  const waiters = [new HandWaiter(), new HandWaiter()] as const;
  const open = (side: "client" | "server"): End => {
    const [waiter, peer] = side === "client" ? waiters : ([waiters[1], waiters[0]] as const);
    const port = side === "client" ? port1 : port2;
    const carrier = new RingCarrier(port, {
      memory,
      side,
      waiter,
      peerSleep: peer.memory,
      description: side,
    });
    const end: End = { carrier, waiter, received: [], enclosures: [], full: false, ends: 0 };
    carrier.events = {
      batch(bytes, start, to) {
        assert.equal(end.ends, 0, "a batch after the end");
        end.received.push(nameOf(bytes.subarray(start, to)));
      },
      enclosed({ attachments: [number] }) {
        end.enclosures.push({ number, after: end.received.length });
      },
      drain() {
        assert.equal(end.full, true, "a drain that nobody waits for");
        end.full = false;
      },
      closed() {
        end.ends += 1;
      },
    };
    return end;
  };
  return [open("client"), open("server")];
}

function nameOf(content: Uint8Array): string {
  return `${content.length} ${createHash("sha1").update(content).digest("base64")}`;
}

/** A batch after its headroom, and what it will be called. */
function batchOf(length: number, seed: number): { readonly batch: Buffer; readonly name: string } {
  const batch = Buffer.alloc(CARRIER_HEADROOM + length);
  for (let at = 0; at < length; at += 97) batch[CARRIER_HEADROOM + at] = at + seed * 17;
  if (length >= 4) batch.writeUInt32LE(seed, CARRIER_HEADROOM);
  return { batch, name: nameOf(batch.subarray(CARRIER_HEADROOM)) };
}

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      by: fc.constantFrom(0 as const, 1 as const),
      length: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
        { weight: 2, arbitrary: fc.integer({ min: 0, max: 98_304 }) },
        { weight: 2, arbitrary: fc.integer({ min: 98_000, max: 98_400 }) },
        { weight: 1, arbitrary: fc.integer({ min: 98_305, max: 900_000 }) },
      ),
      tail: fc.integer({ min: 0, max: 50_000 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ look: fc.constantFrom(0 as const, 1 as const) }) },
  // The port's own messages come by the loop, at some time.
  { weight: 1, arbitrary: fc.constant("turn" as const) },
);

async function closes(ends: readonly [End, End]): Promise<void> {
  await eventually(() => ends.every((end) => end.ends === 1), { everyMs: 1 });
}

test("RingCarrier delivers everything in order, by ring and port, and what was sent before its end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 80 }),
      fc.constantFrom(0 as const, 1 as const),
      fc.constantFrom("close", "sendBeforeExit"),
      async (actions, closer, how) => {
        const ends = connectedEnds();
        const sent: [string[], string[]] = [[], []];
        let seed = 0;
        try {
          for (const one of actions) {
            if (one === "turn") await new Promise(setImmediate);
            else if ("look" in one) ends[one.look].waiter.look();
            else {
              const end = ends[one.by];
              const { batch, name } = batchOf(one.length, ++seed);
              const cut = Math.max(CARRIER_HEADROOM, batch.length - one.tail);
              const more =
                cut === batch.length
                  ? end.carrier.send(batch)
                  : end.carrier.send(batch.subarray(0, cut), batch.subarray(cut));
              if (!more) end.full = true;
              sent[one.by].push(name);
            }
          }
          if (how === "sendBeforeExit") {
            ends[closer].carrier.sendBeforeExit();
            const { batch, name } = batchOf(9, ++seed);
            ends[closer].carrier.send(batch);
            sent[closer].push(name);
          }
          ends[closer].carrier.close();
          await closes(ends);

          const other = closer === 0 ? 1 : 0;
          assert.deepEqual(ends[other].received, sent[closer]);
          assert.deepEqual(ends[closer].received, sent[other].slice(0, ends[closer].received.length));
        } finally {
          for (const { carrier } of ends) carrier.destroy();
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("RingCarrier comes to rest with everything delivered and room on both sides, if both look", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const ends = connectedEnds();
      const sent: [string[], string[]] = [[], []];
      let seed = 0;
      for (const one of actions) {
        if (one === "turn") await new Promise(setImmediate);
        else if ("look" in one) ends[one.look].waiter.look();
        else {
          const { batch, name } = batchOf(one.length, ++seed);
          if (!ends[one.by].carrier.send(batch)) ends[one.by].full = true;
          sent[one.by].push(name);
        }
      }
      while ([ends[0].waiter.look(), ends[1].waiter.look()].includes(true));

      assert.deepEqual([ends[1].received, ends[0].received], sent);
      assert.deepEqual([ends[0].full, ends[1].full], [false, false]);
      ends[0].carrier.destroy();
      await closes(ends);
    }),
    { numRuns: 60 },
  );
});

test("RingCarrier has what goes beside a batch come before it, by ring and port, and in order", async () => {
  const sendsBoth = fc.record({ enclose: fc.constantFrom(0 as const, 1 as const) });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(action, sendsBoth), { maxLength: 60 }), async (actions) => {
      const ends = connectedEnds();
      const sent: [string[], string[]] = [[], []];
      /** How many batches each end had sent before each of its enclosures. */
      const before: [number[], number[]] = [[], []];
      let seed = 0;
      for (const one of actions) {
        if (one === "turn") await new Promise(setImmediate);
        else if ("look" in one) ends[one.look].waiter.look();
        else {
          const by = "by" in one ? one.by : one.enclose;
          if ("enclose" in one) {
            const part = new Uint8Array(10).fill(before[by].length);
            ends[by].carrier.enclose({ parts: [part], attachments: [before[by].length] }, [part.buffer]);
            assert.equal(part.length, 0);
            before[by].push(sent[by].length);
          }
          const { batch, name } = batchOf("by" in one ? one.length : 20, ++seed);
          if (!ends[by].carrier.send(batch)) ends[by].full = true;
          sent[by].push(name);
        }
      }
      while ([ends[0].waiter.look(), ends[1].waiter.look()].includes(true));

      for (const by of [0, 1] as const) {
        const { received, enclosures } = ends[1 - by] as End;
        assert.deepEqual(received, sent[by]);
        assert.deepEqual(
          enclosures.map(({ number }) => number),
          before[by].map((_, number) => number),
        );
        assert.ok(enclosures.every(({ after }, number) => after <= (before[by][number] ?? -1)));
      }
      ends[0].carrier.destroy();
      await closes(ends);
    }),
    { numRuns: 100 },
  );
});

test("RingCarrier tells the end of a port that has closed without a word, after what had been written", async () => {
  const { port1, port2 } = new MessageChannel();
  const memory = createRings();
  const [waiter, peer] = [new HandWaiter(), new HandWaiter()];
  const writer = new RingCarrier(port2, {
    memory,
    side: "server",
    waiter: peer,
    peerSleep: waiter.memory,
    description: "dies",
  });
  const reader = new RingCarrier(port1, {
    memory,
    side: "client",
    waiter,
    peerSleep: peer.memory,
    description: "reads",
  });
  const seen: string[] = [];
  reader.events = {
    batch: (bytes, start, end) => seen.push(Buffer.from(bytes.subarray(start, end)).toString("latin1")),
    drain() {},
    closed: () => seen.push("closed"),
  };

  writer.send(Buffer.from("....in the ring"));
  port2.postMessage(Buffer.from("in the port, without its mark"));
  port2.close();
  await eventually(() => seen.includes("closed"), { everyMs: 1 });

  assert.deepEqual(seen, ["in the ring", "in the port, without its mark", "closed"]);
});
