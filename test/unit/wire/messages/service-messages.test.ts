/** The messages of the unary calls, against the generated bindings as an independent encoder and decoder. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { DEFAULT_CHANNEL_OPTIONS } from "../../../../src/wire/channel-options.ts";
import {
  IdleTimeSchema,
  StopRequestSchema,
  type WorkerMetadata as WireMetadata,
  WorkerMetadataSchema,
} from "../../../../src/wire/gen/wire_pb.ts";
import {
  decodeIdleTime,
  decodeStopRequest,
  decodeWorkerMetadata,
  encodeIdleTime,
  encodeStopRequest,
  encodeWorkerMetadata,
} from "../../../../src/wire/messages/service-messages.ts";
import { parseWorkerMetadata } from "../../../../src/wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../../../src/wire/worker-metadata.ts";
import { scramble } from "../scramble.ts";

const MALFORMED = { code: "ERR_MERINO_PROTOCOL" };

const WORKER: WorkerMetadata = {
  uid: "w-1",
  address: "10.0.0.7:50051",
  pid: 4_194_304,
  version: "0.1.0",
  tags: ["gpu", "größe"],
  extra: { zone: "a", empty: "", ["__proto__"]: "own" },
  secure: true,
  options: {
    maxMessageSize: 1_000_000,
    maxConcurrentCalls: 8,
    keepaliveTime: 20_000,
    keepaliveTimeout: 5_000,
  },
  identity: "spiffe://farm/thumbs",
  runtime: "node",
  codecs: ["merino-1", "other"],
  socket: "/run/user/0/merino/w-1",
  hostId: "host-1",
  build: "main@3f2c1d",
};

const texts = fc
  .string({ unit: "binary", minLength: 1, maxLength: 60 })
  .filter((text) => text.isWellFormed());
const limits = fc.integer({ min: 1, max: 0x7fffffff });

const workers: fc.Arbitrary<WorkerMetadata> = fc.record(
  {
    uid: texts,
    address: texts,
    pid: fc.nat(0x7fffffff),
    version: texts,
    tags: fc.array(texts, { maxLength: 5 }),
    extra: fc.dictionary(texts, fc.oneof(texts, fc.constant("")), { maxKeys: 5, noNullPrototype: true }),
    secure: fc.boolean(),
    options: fc.record(
      {
        maxMessageSize: limits,
        maxConcurrentCalls: limits,
        keepaliveTime: limits,
        keepaliveTimeout: limits,
      },
      { noNullPrototype: true },
    ),
    codecs: fc.array(texts, { maxLength: 3 }),
    identity: texts,
    runtime: texts,
    socket: texts,
    hostId: texts,
    build: texts,
  },
  {
    requiredKeys: ["uid", "address", "pid", "version", "tags", "extra", "secure", "options", "codecs"],
    noNullPrototype: true,
  },
);

/** The record as the generated bindings have it. */
function wireForm(worker: WorkerMetadata): WireMetadata {
  const {
    maxMessageSize = 0,
    maxConcurrentCalls = 0,
    keepaliveTime = 0,
    keepaliveTimeout = 0,
  } = worker.options;
  return create(WorkerMetadataSchema, {
    uid: worker.uid,
    address: worker.address,
    pid: worker.pid,
    version: worker.version,
    tags: [...worker.tags],
    extra: { ...worker.extra },
    secure: worker.secure,
    connection: {
      maxReceiveMessageLength: maxMessageSize,
      maxSendMessageLength: maxMessageSize,
      keepaliveTimeMs: keepaliveTime,
      keepaliveTimeoutMs: keepaliveTimeout,
      keepalivePermitWithoutCalls: true,
      maxConcurrentStreams: maxConcurrentCalls,
    },
    identity: worker.identity ?? "",
    runtime: worker.runtime ?? "",
    codecs: [...(worker.codecs ?? [])],
    socket: worker.socket ?? "",
    hostId: worker.hostId ?? "",
    build: worker.build ?? "",
  });
}

test("encodeWorkerMetadata writes what the schema says", () => {
  const plain = { ...WORKER, extra: { zone: "a", empty: "" } };

  assert.deepEqual(fromBinary(WorkerMetadataSchema, encodeWorkerMetadata(plain)), wireForm(plain));
});

test("encodeWorkerMetadata writes the build behind all else, as field 106, and nothing for a record without one", () => {
  const { build: _, ...silent } = WORKER;

  const hex = Buffer.from(encodeWorkerMetadata({ ...silent, build: "B2" })).toString("hex");

  assert.equal(hex, `${Buffer.from(encodeWorkerMetadata(silent)).toString("hex")}d206024232`);
  assert.equal("build" in (decodeWorkerMetadata(encodeWorkerMetadata(silent)) as object), false);
});

test("encodeWorkerMetadata states defaults and our codec where the record is silent", () => {
  const { codecs: _codecs, ...silent } = { ...WORKER, options: { keepaliveTime: 7 } };

  const wire = fromBinary(WorkerMetadataSchema, encodeWorkerMetadata(silent));

  assert.deepEqual(wire.codecs, ["merino-1"]);
  assert.equal(wire.connection?.keepaliveTimeMs, 7);
  assert.equal(wire.connection?.maxReceiveMessageLength, DEFAULT_CHANNEL_OPTIONS.maxMessageSize);
  assert.equal(wire.connection?.maxConcurrentStreams, DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls);
});

test("encodeWorkerMetadata writes a limit beyond the schema's range as the largest within it", () => {
  const wire = fromBinary(
    WorkerMetadataSchema,
    encodeWorkerMetadata({ ...WORKER, options: { maxMessageSize: 2 ** 40 } }),
  );

  assert.equal(wire.connection?.maxReceiveMessageLength, 2 ** 31 - 1);
});

test("decodeWorkerMetadata reads back what was encoded, also a property called __proto__", () => {
  const decoded = decodeWorkerMetadata(encodeWorkerMetadata(WORKER));

  assert.deepEqual(decoded, WORKER);
  assert.deepEqual(parseWorkerMetadata(decoded, { unix: true }), WORKER);
});

test("decodeWorkerMetadata reads any record, however protobuf writes it", () => {
  fc.assert(
    fc.property(workers, fc.infiniteStream(fc.nat(1_000_000)), (worker, numbers) => {
      const draw = (below: number): number => (numbers.next().value ?? 0) % below;
      const bytes = toBinary(WorkerMetadataSchema, wireForm(worker));

      assert.deepEqual(decodeWorkerMetadata(bytes), worker);
      assert.deepEqual(decodeWorkerMetadata(scramble(WorkerMetadataSchema, bytes, draw)), worker);
      assert.deepEqual(decodeWorkerMetadata(encodeWorkerMetadata(worker)), worker);
      assert.deepEqual(fromBinary(WorkerMetadataSchema, encodeWorkerMetadata(worker)), wireForm(worker));
    }),
  );
});

test("decodeWorkerMetadata takes a missing connection, a 0 and a negative number for not stated", () => {
  const bare = decodeWorkerMetadata(toBinary(WorkerMetadataSchema, create(WorkerMetadataSchema)));
  const partial = decodeWorkerMetadata(
    toBinary(
      WorkerMetadataSchema,
      create(WorkerMetadataSchema, {
        connection: { maxReceiveMessageLength: -1, maxSendMessageLength: 9, maxConcurrentStreams: 0 },
      }),
    ),
  );

  assert.deepEqual((bare as WorkerMetadata).options, {});
  assert.deepEqual((partial as WorkerMetadata).options, { maxMessageSize: 9 });
});

test("decodeWorkerMetadata lists no codecs for a worker that names none", () => {
  const decoded = decodeWorkerMetadata(toBinary(WorkerMetadataSchema, create(WorkerMetadataSchema)));

  assert.deepEqual((decoded as WorkerMetadata).codecs, []);
});

test("decodeWorkerMetadata refuses bytes that are cut off anywhere but between fields", () => {
  const bytes = encodeWorkerMetadata(WORKER);
  let refused = 0;

  for (let length = 0; length < bytes.length; length++) {
    const piece = bytes.subarray(0, length);
    let expected: unknown;
    try {
      expected = fromBinary(WorkerMetadataSchema, piece);
    } catch {
      refused += 1;
    }
    if (expected === undefined)
      assert.throws(() => decodeWorkerMetadata(piece), MALFORMED, `${length} bytes`);
    else decodeWorkerMetadata(piece);
  }

  assert.ok(refused > bytes.length / 2);
});

test("decodeWorkerMetadata refuses a field of another type and text that is not UTF-8", () => {
  const uidAsNumber = Uint8Array.of(0x08, 1);
  const socketAsNumber = Uint8Array.of(0xb8, 0x06, 1);
  const invalidText = Uint8Array.of(0x0a, 1, 0xff);
  const invalidKey = Uint8Array.of(0x32, 3, 0x0a, 1, 0xff);

  for (const bytes of [uidAsNumber, socketAsNumber, invalidText, invalidKey]) {
    assert.throws(() => decodeWorkerMetadata(bytes), MALFORMED);
  }
});

test("decodeWorkerMetadata passes over fields that the original network may add", () => {
  // Number 9, a string; number 104, our own `pool`.
  const bytes = Uint8Array.of(0x4a, 1, 0x78, 0xc2, 0x06, 1, 0x70, 0x0a, 1, 0x77);

  assert.equal((decodeWorkerMetadata(bytes) as WorkerMetadata).uid, "w");
});

test("decodeWorkerMetadata, decodeStopRequest and decodeIdleTime only ever throw ProtocolError", () => {
  const bytesOf = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const bytes = Uint8Array.from(encodeWorkerMetadata(WORKER));
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
  );

  fc.assert(
    fc.property(bytesOf, (bytes) => {
      for (const decode of [decodeWorkerMetadata, decodeStopRequest, decodeIdleTime]) {
        try {
          decode(bytes);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, "ERR_MERINO_PROTOCOL");
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test("encodeStopRequest and decodeStopRequest agree with the schema", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true }), (seconds) => {
      const bytes = encodeStopRequest(seconds);

      assert.equal(decodeStopRequest(bytes) + 0, seconds + 0);
      assert.equal(fromBinary(StopRequestSchema, bytes).timeout + 0, seconds + 0);
      const wire = toBinary(StopRequestSchema, create(StopRequestSchema, { timeout: seconds }));
      assert.equal(decodeStopRequest(wire) + 0, seconds + 0);
    }),
  );
});

test("decodeStopRequest refuses a timeout that is not a number", () => {
  const bytes = toBinary(StopRequestSchema, create(StopRequestSchema, { timeout: Number.NaN }));

  assert.throws(() => decodeStopRequest(bytes), MALFORMED);
  assert.throws(() => decodeStopRequest(Uint8Array.of(0x0d, 0, 0)), MALFORMED);
});

test("encodeIdleTime and decodeIdleTime agree with the schema", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (seconds) => {
      const bytes = encodeIdleTime(seconds);

      assert.equal(decodeIdleTime(bytes), seconds);
      assert.equal(fromBinary(IdleTimeSchema, bytes).seconds, seconds);
      assert.equal(decodeIdleTime(toBinary(IdleTimeSchema, create(IdleTimeSchema, { seconds }))), seconds);
    }),
  );
});

test("decodeIdleTime refuses what is not a duration", () => {
  for (const seconds of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const bytes = toBinary(IdleTimeSchema, create(IdleTimeSchema, { seconds }));

    assert.throws(() => decodeIdleTime(bytes), MALFORMED);
  }
});
