/** Reflection as one call of it goes: in order, no faster than its caller reads, and bounded. Python's client is in `integration/grpc-operator`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { reflectionMethods } from "../../../../src/transport/listener/reflection/reflection.ts";
import { readSchema } from "../../../../src/transport/listener/reflection/schema.ts";
import type { CallStatus, ServerCall, ServerMethod } from "../../../../src/transport/listener/server-call.ts";
import { eventually } from "../../../support/eventually.ts";
import { grpc } from "../../../support/foreign-grpc.ts";
import { createAuthority } from "../../../support/issue-certificate.ts";
import { leakCheck } from "../../../support/leak-check.ts";
import { materialOf, serveTls } from "../../../support/serve-tls.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const METHOD = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const LIST = Buffer.from([0x3a, 0]);

/** A call whose caller reads when the test says so. */
function openCall(method: ServerMethod | undefined) {
  const sent: Uint8Array[] = [];
  const ends: (CallStatus | undefined)[] = [];
  const reader = { full: false };
  const call = {
    send(bytes: Uint8Array) {
      sent.push(bytes);
      return !reader.full;
    },
    end: (status?: CallStatus) => ends.push(status),
  };
  const events = method?.open(call as unknown as ServerCall); // all that is used of it
  assert.ok(events);
  return { sent, ends, reader, events, ask: (bytes: Uint8Array) => events.message(bytes, 0, bytes.length) };
}

function methodOf(queue?: DeadlineQueue): ServerMethod | undefined {
  return new Map(reflectionMethods(queue === undefined ? {} : { queue })).get(METHOD);
}

test("reflection answers each request in its order, and ends with its caller", async () => {
  const call = openCall(methodOf());
  const named = Buffer.from("\x1a\x0awire.proto", "latin1");

  for (const request of [LIST, named, LIST]) call.ask(request);
  call.events.halfClosed();
  await eventually(() => call.ends.length > 0);
  call.events.closed();

  assert.equal(call.sent.length, 3);
  assert.deepEqual(call.sent[2], call.sent[0]);
  assert.ok((call.sent[1]?.length ?? 0) > 1_000);
  assert.deepEqual(call.ends, [undefined]);
});

test("reflection ends a call where the schema cannot be read", async () => {
  const load = () => Promise.reject(new Error("torn"));
  const call = openCall(new Map(reflectionMethods({ load })).get(METHOD));
  call.ask(LIST);
  await eventually(() => call.ends.length > 0);
  call.events.closed();

  assert.deepEqual([call.sent, call.ends.map((status) => status?.code)], [[], [13]]);
});

test("reflection answers no faster than its caller reads, and ends one that asks on and on", async () => {
  const call = openCall(methodOf());
  call.reader.full = true;
  call.ask(LIST);
  await eventually(() => call.sent.length === 1);

  for (let n = 0; n < 32; n++) call.ask(LIST);
  const unread = call.sent.length;
  call.events.drain();
  const afterReading = call.sent.length;
  call.ask(LIST);
  call.ask(LIST);
  call.events.closed();

  assert.deepEqual([unread, afterReading], [1, 2]);
  assert.equal(call.ends[0]?.code, grpc.status.RESOURCE_EXHAUSTED);
});

test("reflection bounds how many calls there are, and forgets those that are over", () => {
  const method = methodOf();
  const calls = Array.from({ length: 65 }, () => openCall(method));
  calls[0]?.events.closed();
  const next = openCall(method);

  const refused = [...calls, next].filter(({ ends }) => ends.length > 0);
  for (const call of [...calls.slice(1, 64), next]) call.events.closed();

  assert.deepEqual(refused, [calls[64]]);
  assert.equal(refused[0]?.ends[0]?.code, grpc.status.RESOURCE_EXHAUSTED);
});

test("reflection ends a call that asks for nothing for a minute", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  const call = openCall(methodOf(queue));

  await clock.advance(59_999);
  call.ask(LIST);
  await clock.advance(59_999);
  const before = call.ends.length;
  await clock.advance(1);
  call.events.closed();

  assert.deepEqual([before, call.ends[0]?.code, queue.size], [0, grpc.status.DEADLINE_EXCEEDED, 0]);
});

test("reflection ends a call whose request is none", async () => {
  const call = openCall(methodOf());

  call.ask(Buffer.from([0x0a, 0x7f]));
  await eventually(() => call.ends.length > 0);
  call.events.closed();

  assert.equal(call.ends[0]?.code, grpc.status.INVALID_ARGUMENT);
});

test("the schema of reflection has every service, and for every name the file that declares it", () => {
  const schema = readSchema();

  for (const service of schema.services) {
    const file = schema.fileDeclaring(service);
    assert.ok(file, service);
    const descriptor = fromBinary(FileDescriptorProtoSchema, file);
    assert.equal(schema.fileNamed(descriptor.name), file);
    const declared = descriptor.service.find(({ name }) => `${descriptor.package}.${name}` === service);
    for (const { name } of declared?.method ?? assert.fail(service)) {
      assert.equal(schema.fileDeclaring(`${service}.${name}`), file);
    }
  }
  assert.equal(schema.services.length, 4);
  assert.equal(schema.fileDeclaring("wool.runtime.protobuf.wire"), undefined);
  assert.ok(schema.fileDeclaring("grpc.health.v1.HealthCheckResponse.SERVING"));
});

test("reflection over mutual TLS tells accepted callers, and nobody else", async () => {
  await using _leaks = leakCheck();
  const authority = createAuthority();
  const trust = {
    policy: { mutual: true, peers: ["api.example"] },
    material: materialOf(authority.issue({ dns: ["worker.example"] }), authority.ca),
  };
  await using served = await serveTls(trust);
  const outcomeOf = async (dns: string | undefined) => {
    const { key, cert } = authority.issue({ dns: [dns ?? ""] });
    const pem = [authority.ca, key, cert].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
    const credentials =
      dns === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(...pem);
    const client = new grpc.Client(served.address, credentials, {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.ssl_target_name_override": "worker.example",
    });
    let answers = 0;
    const code = await new Promise<number>((resolve) => {
      const call = client.makeBidiStreamRequest(
        METHOD,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
      );
      call.on("data", () => {
        answers += 1;
        call.end();
      });
      call.on("error", () => {});
      call.on("status", (status) => resolve(status.code));
      call.write(LIST);
    });
    client.close();
    return [answers, grpc.status[code]];
  };

  assert.deepEqual(await outcomeOf("api.example"), [1, "OK"]);
  assert.deepEqual(await outcomeOf("other.example"), [0, "UNAUTHENTICATED"]);
  assert.deepEqual(await outcomeOf(undefined), [0, "UNAUTHENTICATED"]);
});
