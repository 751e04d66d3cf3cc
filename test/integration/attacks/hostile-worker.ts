/** A program that is a worker over the network and attacks its callers: with what, its argument says. */
import { CARRIER_HEADROOM } from "../../../src/session/carrier.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { WORKER_ATTACKS } from "../../support/hostile/worker-attacks.ts";
import { framesOf } from "../../support/memory-pair.ts";
import { batchOf, helloWith } from "../../support/protocol-peers.ts";
import { type ServerSessionStream, ServerStreamCarrier, serveGrpc } from "../../support/serve-grpc.ts";

/** Batches between two looks at what the caller has sent. */
const AT_ONCE = 16;

const [what = ""] = process.argv.slice(2);
const attack = WORKER_ATTACKS[what];
if (attack === undefined) throw new Error(`There is no attack of '${what}'`);
const { batch, turns = Number.POSITIVE_INFINITY } = attack;
let sentBytes = 0;

/** One session: what follows each of its tasks is sent in turns, as far as the caller reads. */
function serve(stream: ServerSessionStream): void {
  const carrier = new ServerStreamCarrier(stream);
  const tasks: { readonly stream: number; turn: number }[] = [];
  let isOver = false;
  let isSending = false;
  const send = (bytes: Uint8Array): boolean => {
    sentBytes += bytes.length;
    return carrier.send(Buffer.concat([new Uint8Array(CARRIER_HEADROOM), bytes]));
  };
  const flood = (): void => {
    isSending = false;
    for (let sent = 0; sent < AT_ONCE && tasks.length > 0 && !isOver; sent++) {
      const task = tasks.shift() as (typeof tasks)[number]; // there is one
      if (++task.turn < turns) tasks.push(task);
      if (!send(batch(task.stream, task.turn))) return; // goes on once it has drained
    }
    if (tasks.length > 0 && !isOver) go();
  };
  const go = (): void => {
    if (isSending) return;
    isSending = true;
    setImmediate(flood);
  };
  carrier.events = {
    batch(bytes, start, end) {
      for (const frame of framesOf([bytes.subarray(start, end)])) {
        if (frame.kind === FrameKind.Hello)
          send(batchOf((writer) => writer.hello(helloWith({ uid: "hostile" }))));
        if (frame.kind !== FrameKind.Task) continue;
        tasks.push({ stream: frame.stream, turn: 0 });
        go();
      }
    },
    drain: go,
    closed() {
      isOver = true;
    },
  };
}

const served = await serveGrpc({ session: serve });
process.on("message", () => {
  process.send?.({ done: sentBytes });
  process.disconnect?.();
  served.cut();
});
process.send?.({ address: served.address });
