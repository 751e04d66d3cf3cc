/** Attacks on a network worker by frames that are well-formed: each goes on for its time, over sessions written by hand. */
import { type ClientHttp2Session, connect } from "node:http2";
import { setTimeout as pause } from "node:timers/promises";
import { GRPC_METHODS } from "../../../src/transport/grpc/service.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { FlowAct, type FlowHead } from "../../../src/wire/messages/flow.ts";
import { NO_PAYLOAD, type Payload } from "../../../src/wire/payload.ts";
import { TaskFlag } from "../../../src/wire/task/flags.ts";
import { encodeChunkHead } from "../chunk-head.ts";
import { NEXT, taskOf } from "../dispatch-peers.ts";
import { batchOf, headOf, messageHead, payloadFrom, payloadOf } from "../protocol-peers.ts";
import { floodsOf } from "./floods.ts";
import { anIterable, flowHead, flowValue } from "./flow-values.ts";
import { keptArguments } from "./kept-arguments.ts";
import { type RawSession, rawSession } from "./raw-session.ts";

/** One attack on the worker at `address`; resolves with how many bytes it has sent. */
export type SessionAttack = (address: string, durationMs: number) => Promise<number>;

const MIB = 1024 * 1024;
const ROUTINES = "merino/test/integration/network-worker/fixtures/network-routines.ts";
const ADD = `${ROUTINES}#add`;
const KEEP = `${ROUTINES}#keep`;
const SIZE_OF = `${ROUTINES}#sizeOf`;
const PRODUCE = `${ROUTINES}#produce`;
const ECHO = `${ROUTINES}#echo`;
const CALL_IT = `${ROUTINES}#callIt`;
const TOTAL = `${ROUTINES}#Account.total`;
const STRANGER = `${ROUTINES}#Stranger`;
const READ_SOME = `${ROUTINES}#readSome`;
const GIVE_STREAM = `${ROUTINES}#giveStream`;
const LINGER = `${ROUTINES}#linger`;
const MARKS_IMPORT = new URL("../../integration/network-worker/fixtures/marks-import.ts", import.meta.url)
  .href;
const HEADROOM = 4;

type Batches = (turn: number) => Uint8Array;

/** Floods from several sessions; each has its own batches. */
function flooding(
  batches: () => Batches,
  { sessions = 8, reads = true }: { readonly sessions?: number; readonly reads?: boolean } = {},
): SessionAttack {
  return async (address, durationMs) => {
    const untilMs = performance.now() + durationMs;
    const open = await Promise.all(Array.from({ length: sessions }, () => rawSession(address, { reads })));
    await Promise.all(open.map((session) => session.flood(batches(), untilMs)));
    // What is not read is held for as long as its reader is there.
    await pause(Math.max(0, untilMs - performance.now()));
    return endOf(open);
  };
}

function endOf(sessions: readonly RawSession[]): number {
  for (const session of sessions) session[Symbol.dispose]();
  return sessions.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
}

function floodOf(what: string, frames: number): SessionAttack {
  return flooding(() => floodsOf(frames, ADD)[what] as Batches, { sessions: 2 });
}

/** Tasks with the same arguments, which run until they are taken back, or not. */
function tasks(routine: string, payload: Payload, fields: Parameters<typeof headOf>[0] = {}): Batches {
  const head = headOf({ callable: routine, ...fields });
  return (turn) => batchOf((writer) => writer.task(turn, head, payload));
}

/** Bodies that begin with such arguments and end at once, for ten callers. */
function ended(what: unknown): SessionAttack {
  return flooding(() => tasks(SIZE_OF, keptArguments(what)), { sessions: 10 });
}

/** What takes long to make and is not honest: the worker refuses it before it makes any. */
function dear(value: () => unknown): SessionAttack {
  return flooding(() => tasks(SIZE_OF, keptArguments(value())), { sessions: 4 });
}

/** A Set of bigints that have their lowest 64 bits in common. Nobody could make it first, which takes half a minute. */
function collidingBigints(count: number): Payload {
  const members = Buffer.concat(
    Array.from({ length: count }, (_, n) => {
      const bigint = Buffer.from([0xc7, 11, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
      bigint.writeUInt16BE(n + 1, 4); // above those 64 bits
      return bigint;
    }),
  );
  const head = Buffer.from([0x08, 0x91, 0xc9, 0, 0, 0, 0, 0x07]);
  head.writeUInt32BE(members.length, 3);
  return payloadFrom(Buffer.concat([head, members]));
}

function chunkOf(stream: number, part: number, totalBytes: number, bytes: number, last: boolean): Uint8Array {
  return Buffer.concat([
    encodeChunkHead(stream, part, totalBytes, last, bytes).subarray(HEADROOM),
    Buffer.alloc(bytes, 1),
  ]);
}

/** Arguments that are routines, each of an identity and a module that nobody else has named. */
function routines(turn: number, count: number, url = "file:///tmp/x.ts"): Payload {
  const values = Array.from({ length: count }, (_, n) => {
    const body = Buffer.concat([
      shortText(`hostile/x.ts#r${turn}_${n}`),
      shortText(`${url}?${turn}`),
      Buffer.from([0xc2]),
    ]);
    return extension(0x15, body);
  });
  return payloadFrom(Buffer.concat([Buffer.from([0x08, 0xdc, 0, count]), ...values]));
}

/** What is no instance of the class whose method is called: of another class, that class, a routine, an object that looks like one. */
const RECEIVERS: readonly Payload[] = [
  receiver(extension(0x13, Buffer.concat([shortText(STRANGER), Buffer.from([0x80])]))),
  receiver(extension(0x14, shortText(STRANGER))),
  receiver(extension(0x15, Buffer.concat([shortText(ADD), Buffer.from([0xc0, 0xc2])]))),
  payloadOf([{ balance: 1, constructor: "Account", __proto__: null }]),
  payloadOf([null]),
  payloadOf([]),
].map((payload) => ({ ...payload, bytes: Buffer.from(payload.bytes) })); // the encoder's memory is used again

/** A task's arguments that are its receiver alone. */
function receiver(value: Buffer): Payload {
  return payloadFrom(Buffer.concat([Buffer.from([0x08, 0x91]), value]));
}

function extension(type: number, body: Buffer): Buffer {
  const head = Buffer.from([0xc8, 0, 0, type]);
  head.writeUInt16BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function shortText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0xd9, bytes.length]), bytes]);
}

/** Speaks of the flows of one task after another, of each for some turns. */
function flows(
  task: { readonly routine: string; readonly payload: Payload; readonly turns?: number },
  frames: number,
  flow: (n: number) => readonly [head: FlowHead, payload: Payload],
): Batches {
  const { turns = 40 } = task;
  return (turn) =>
    batchOf((writer) => {
      const stream = Math.ceil(turn / turns);
      if (turn % turns === 1) writer.task(stream, headOf({ callable: task.routine }), task.payload);
      for (let n = 0; n < frames; n++) {
        const [head, payload] = flow(n);
        writer.message(stream, messageHead(FrameKind.CallerFlow, { flow: head }), payload);
      }
    });
}

/** The attacks of each kind that frames can do, by what they consist of. */
export const SESSION_ATTACKS: Readonly<Record<string, SessionAttack>> = {
  "definitions of names": flooding(
    () => (turn) =>
      batchOf((writer) => {
        for (let n = 0; n < 64; n++)
          writer.define({
            kind: 1,
            index: (((turn - 1) * 64 + n) % 65_000) + 1,
            value: Buffer.from(`${turn}-${n}-${"x".repeat(1_000)}`),
            location: "file:///etc/passwd",
          });
      }),
  ),
  "definitions of unknown kinds": flooding(
    () => (turn) =>
      batchOf((writer) => {
        for (let n = 0; n < 64; n++)
          writer.define({
            kind: 7 + n,
            index: turn,
            value: Buffer.from("x".repeat(1_000)),
            location: "",
          });
      }),
  ),
  "4 000 000 000 parts, all empty": flooding(
    () => (turn) =>
      Buffer.concat([
        batchOf((writer) =>
          writer.task(turn, headOf({ callable: SIZE_OF, parts: 4_000_000_000 }), NO_PAYLOAD),
        ),
        ...Array.from({ length: 500 }, (_, part) => chunkOf(turn, part, 0, 0, true)),
      ]),
  ),
  "messages without an end": flooding(
    () => (turn) =>
      Buffer.concat([
        batchOf((writer) =>
          writer.task(
            turn,
            headOf({ callable: SIZE_OF, parts: 2, flags: TaskFlag.NextImplied | TaskFlag.Detached }),
            NO_PAYLOAD,
          ),
        ),
        chunkOf(turn, 0, 16 * MIB, 60_000, false),
      ]),
  ),
  "signals of a task": flooding(
    () => (turn) =>
      batchOf((writer) => {
        const stream = Math.ceil(turn / 40);
        if (turn % 40 === 1) writer.task(stream, headOf({ callable: KEEP }), payloadOf([1]));
        for (let n = 0; n < 100; n++)
          writer.signal(stream, (turn % 40) * 100 + n, payloadOf("x".repeat(1_000)));
      }),
  ),
  "tasks with tags of 60 000 bytes that do not end": flooding(() =>
    tasks(KEEP, payloadOf([1]), { tag: "t".repeat(60_000) }),
  ),
  "tasks with 256 callers each": flooding(() =>
    tasks(KEEP, payloadOf([1]), {
      callers: Array.from({ length: 256 }, (_, n) => ({
        id: `caller-${n}-${"x".repeat(80)}`,
        routine: ADD,
        tag: undefined,
      })),
    }),
  ),
  "names of routines among arguments": flooding(
    () => (turn) => batchOf((writer) => writer.task(turn, headOf({ callable: ECHO }), routines(turn, 100))),
  ),
  "routines of modules that nobody has imported, to be called": flooding(
    () => (turn) =>
      batchOf((writer) => writer.task(turn, headOf({ callable: CALL_IT }), routines(turn, 1, MARKS_IMPORT))),
  ),
  "methods with receivers of another class": flooding(() => {
    const flags = TaskFlag.NextImplied | TaskFlag.Receiver;
    const head = headOf({ callable: TOTAL, flags });
    return (turn) =>
      batchOf((writer) => {
        for (let n = 0; n < 60; n++)
          writer.task((turn - 1) * 60 + n + 1, head, RECEIVERS[n % RECEIVERS.length] as Payload);
      });
  }),
  "answers that nobody reads": flooding(
    () =>
      tasks(PRODUCE, payloadOf([100_000]), {
        flags: TaskFlag.NextImplied | TaskFlag.Generator,
        credit: 60_000,
      }),
    { reads: false },
  ),
  "values sent back that nobody reads": flooding(() => tasks(ECHO, payloadOf(["x".repeat(60_000)])), {
    reads: false,
  }),
  "pongs that nobody reads": flooding(
    () => (turn) =>
      batchOf((writer) => {
        for (let n = 0; n < 500; n++) writer.ping(turn * 500 + n);
      }),
    { reads: false },
  ),
  "steps that a generator does not answer": flooding(
    () => (turn) =>
      batchOf((writer) => {
        const flags = TaskFlag.NextImplied | TaskFlag.Generator;
        if (turn % 900 === 1)
          writer.task(Math.ceil(turn / 900), headOf({ callable: PRODUCE, flags }), payloadOf([65_000]));
        const value = payloadOf("x".repeat(900));
        for (let n = 0; n < 70; n++)
          writer.message(Math.ceil(turn / 900), messageHead(FrameKind.Send), value);
      }),
    { reads: false },
  ),
  "answers of dispatch that nobody reads": async (address, durationMs) => {
    const untilMs = performance.now() + durationMs;
    const sessions: ClientHttp2Session[] = Array.from({ length: 10 }, () => connect(`http://${address}`));
    for (const session of sessions) session.on("error", () => {});
    let sent = 0;
    const task = framed(taskOf(PRODUCE, [200_000]));
    const next = framed(NEXT);
    const steps = Buffer.concat(Array.from({ length: 60 }, () => next));
    while (performance.now() < untilMs) {
      for (const session of sessions) {
        if (session.destroyed || session.closed) continue;
        const request = session.request({
          ":method": "POST",
          ":path": GRPC_METHODS.dispatch.path,
          "content-type": "application/grpc",
          te: "trailers",
        });
        request.on("error", () => {});
        request.pause();
        request.write(task);
        request.write(steps);
        sent += task.length + steps.length;
      }
      await pause(20);
    }
    for (const session of sessions) session.destroy();
    return sent;
  },
  "objects of 400 000 short keys": dear(() =>
    Object.fromEntries(Array.from({ length: 400_000 }, (_, n) => [`k${n.toString(36)}`, 0])),
  ),
  "a Set of bigints that collide": flooding(() => tasks(SIZE_OF, collidingBigints(60_000)), { sessions: 4 }),
  "arrays of empty Maps": dear(() => Array.from({ length: 500_000 }, () => new Map())),
  "values as dear as they may be": dear(() =>
    Array.from({ length: 100_000 }, (_, n) => ({ [`k${n % 900}`]: n, m: [null] })),
  ),
  "tasks and resets in turn, of bodies that go on": flooding(() => {
    const head = headOf({ callable: LINGER });
    return (turn) =>
      batchOf((writer) => {
        for (let n = 1; n <= 500; n++) {
          const stream = (turn - 1) * 500 + n;
          writer.task(stream, head, payloadOf([]));
          writer.reset(stream, 0, "");
        }
      });
  }),
  "tasks and resets in turn": floodOf("resets", 2_000),
  "tasks, and nothing else": floodOf("tasks", 2_000),
  pings: floodOf("pings", 1),
  "small definitions": floodOf("definitions", 1),
  "empty chunks": floodOf("empty chunks", 500),
  "connections that come with tasks and go": async (address, durationMs) => {
    const untilMs = performance.now() + durationMs;
    let sent = 0;
    while (performance.now() < untilMs) {
      const open = await Promise.all(
        Array.from({ length: 8 }, () => rawSession(address).catch(() => undefined)),
      );
      const sessions = open.filter((session) => session !== undefined);
      const batch = batchOf((writer) => {
        for (let n = 1; n <= 200; n++) writer.task(n, headOf({ callable: KEEP }), payloadOf([1]));
      });
      for (const session of sessions) session.send(batch);
      await pause(20);
      sent += endOf(sessions);
      if (sessions.length < open.length) await pause(200);
    }
    return sent;
  },
  "kept bytes": flooding(() => tasks(KEEP, keptArguments("bytes")), { sessions: 10 }),
  "kept empty objects": flooding(() => tasks(KEEP, keptArguments("empty objects")), { sessions: 10 }),
  "kept empty Maps": flooding(() => tasks(KEEP, keptArguments("empty maps")), { sessions: 10 }),
  "kept small views": flooding(() => tasks(KEEP, keptArguments("small views")), { sessions: 10 }),
  "small numbers, of bodies that end": ended("small numbers"),
  "empty objects, of bodies that end": ended("empty objects"),
  "doubles, of bodies that end": ended("doubles"),
  "empty Maps, of bodies that end": ended("empty maps"),
  "keys of their own, of bodies that end": ended("keys of their own"),
  "160 000 Maps, of bodies that end": ended(Array.from({ length: 160_000 }, () => new Map())),
  "80 000 Maps, of bodies that end": ended(Array.from({ length: 80_000 }, () => new Map())),
  "80 000 Sets, of bodies that end": ended(Array.from({ length: 80_000 }, () => new Set())),
  "40 000 Maps of one, of bodies that end": ended(Array.from({ length: 40_000 }, () => new Map([[1, 1]]))),
  "items that nobody has asked for": flooding(() => {
    const item = payloadOf("x".repeat(60_000));
    const payload = flowValue([anIterable()]);
    return flows({ routine: KEEP, payload, turns: 2 }, 1, () => [flowHead({ act: FlowAct.Item }), item]);
  }),
  "items that are asked for and not taken": flooding(() => {
    const item = payloadOf("x".repeat(60_000));
    const payload = flowValue([anIterable()]);
    return flows({ routine: READ_SOME, payload }, 1, () => [flowHead({ act: FlowAct.Item }), item]);
  }),
  "tasks with 256 iterables each": flooding(() =>
    tasks(KEEP, flowValue([Array.from({ length: 256 }, anIterable)])),
  ),
  "numbers of iterables that there are not": flooding(() =>
    flows({ routine: KEEP, payload: flowValue([anIterable()]), turns: 2 }, 500, (n) => [
      flowHead({ act: FlowAct.Item, index: n * 1_000_003 }),
      payloadOf(n),
    ]),
  ),
  "requests for items of an answer that nobody reads": flooding(
    () =>
      flows({ routine: GIVE_STREAM, payload: payloadOf([60_000]) }, 100, () => [
        flowHead({ act: FlowAct.Pull, number: 1_000, taken: 1_000 }),
        NO_PAYLOAD,
      ]),
    { reads: false },
  ),
  "tasks of the highest priority": flooding(() => {
    const head = headOf({ callable: ADD, priority: 2_147_483_647 });
    return (turn) =>
      batchOf((writer) => {
        for (let n = 0; n < 500; n++) writer.task((turn - 1) * 500 + n + 1, head, payloadOf([1, 2]));
      });
  }),
};

/** A message of gRPC. */
function framed(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}
