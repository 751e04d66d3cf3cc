/** What a worker's listener answers by itself to those who ask for its health, or for its schema. */
import { Health } from "../../../src/transport/listener/health.ts";
import { reflectionMethods } from "../../../src/transport/listener/reflection/reflection.ts";
import type { ServerCall, ServerMethod } from "../../../src/transport/listener/server-call.ts";
import { FieldWriter } from "../../../src/wire/protobuf/field-writer.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";

const WORKER = "wool.runtime.protobuf.wire.Worker";

/** One of a request of the one kind, or of the other, which have their texts at different fields. */
function anyRequest(random: Random): Uint8Array {
  const name = random.pick(["", WORKER, "wire.proto", `${WORKER}.idle`, "x".repeat(random.small(3_000))]);
  const writer = new FieldWriter().text(0x0a, random.pick(["", WORKER, "host"]));
  switch (random.below(5)) {
    case 0:
      return writer.element(0x1a, name).finish();
    case 1:
      return writer.element(0x22, name).finish();
    case 2:
      return writer
        .bytes(0x2a, new FieldWriter().text(0x0a, name).uint(0x10, random.below(99)).finish())
        .finish();
    case 3:
      return writer.element(0x32, name).finish();
    default:
      return writer.element(0x3a, name).finish();
  }
}

/** Makes one call. @returns How often it was answered or ended. */
function callOnce(method: ServerMethod, request: Uint8Array): () => number {
  let words = 0;
  const call = { send: () => ++words > 0, end: () => void ++words, peer: undefined };
  const events = method.open(call as unknown as ServerCall); // all that is used of it
  events.message(request, 0, request.length);
  events.halfClosed();
  return () => {
    events.closed();
    return words;
  };
}

export const grpcServices: FuzzTarget = {
  name: "health and reflection",
  share: 2,
  make: (random) =>
    random.oneIn(6) ? anyRequest(random) : mutate(anyRequest(random), random, anyRequest(random)),
  async run(bytes) {
    const methods = [...new Health(() => true).methods({ maxWatches: 1 }), ...reflectionMethods()];
    const calls = methods.map(([path, method]) => [path, callOnce(method, bytes)] as const);
    await new Promise(setImmediate); // reflection has been loaded by then, but for the first time
    for (const [path, words] of calls) {
      const said = words();
      if (said === 0 && path.includes("Health")) throw new Error(`no answer to ${path}`);
    }
  },
};
