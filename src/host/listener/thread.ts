/**
 * The program of a network worker's listener thread: it holds the connections, answers `idle`, `stop` and
 * `describe` by itself, and relays everything else to the main thread, so that a routine that keeps that thread
 * busy neither drops a connection nor makes the worker unreachable. It tells of the worker's health as well. It loads no user
 * code.
 */
import { writeSync } from "node:fs";
import { MessageChannel, parentPort, workerData } from "node:worker_threads";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { createDeferred } from "../../internal/deferred.ts";
import { errorText } from "../../internal/error-text.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { LISTENER_KILLS_AFTER_MS } from "../../process/announce-end.ts";
import { memoryLimits, mostConnections } from "../../session/memory/limits.ts";
import { ThreadShare } from "../../session/memory/thread-share.ts";
import { NOT_STARTED_TRAILER } from "../../transport/grpc/service.ts";
import { GrpcStatus } from "../../transport/grpc/status-codes.ts";
import { relayDispatch } from "../../transport/listener/dispatch/stream.ts";
import { type GrpcListener, listenGrpc } from "../../transport/listener/listen.ts";
import type { GrpcPeer, ServerCall, ServerCallEvents } from "../../transport/listener/server-call.ts";
import { SessionPlaces } from "../../transport/listener/session-places.ts";
import { relaySession, type SessionRelay } from "../../transport/listener/session-relay.ts";
import { createPortMemory, PortCarrier } from "../../transport/thread/port-carrier.ts";
import { idleMsIn, isLeaving } from "../../worker/activity.ts";
import type { ListenerInit, ListenerMessage, MainMessage } from "./messages.ts";
import { followParent, tellParent } from "./parent-pipe.ts";

/** Bytes of one caller that may wait for the main thread before nothing more is read from it. */
const WINDOW_BYTES = 256 * 1024;

/** How long the main thread may take to end the worker, beyond the time granted to calls. */
const STOP_GRACE_MS = LISTENER_KILLS_AFTER_MS;

const main = parentPort;
if (main === null) throw new Error("The listener thread is started by a worker, never by hand");

const { init } = workerData as { readonly init: ListenerInit };
const record = createDeferred<Uint8Array>();
const relays = new Set<SessionRelay>();
const places = new SessionPlaces(
  mostConnections(memoryLimits(init.channel.maxMessageSize, init.maxHeldBytes)),
);
/** Of a call that is refused: nothing comes of it. */
const REFUSED: ServerCallEvents = { message() {}, drain() {}, halfClosed() {}, closed() {} };
/** The end of the time granted to calls, and of what the main thread may take beyond that, once it is to end. */
let timeIsOver: DeadlineEntry | undefined;
let kill: DeadlineEntry | undefined;

function send(message: ListenerMessage): void {
  if (message.type === "session" || message.type === "access") main?.postMessage(message, [message.port]);
  else main?.postMessage(message);
}

/** A call is to have a session of the main thread, if there is room for one more. */
function relayed(call: ServerCall, relay: (carrier: PortCarrier) => ServerCallEvents): ServerCallEvents {
  const { peer } = call;
  const leave = peer.local ? () => {} : places.take(peer.address ?? "");
  if (leave !== undefined) return relay(connect(peer, leave));
  call.end({
    code: GrpcStatus.RESOURCE_EXHAUSTED,
    details: places.refusal,
    metadata: { [NOT_STARTED_TRAILER]: "1" },
  });
  return REFUSED;
}

/** Opens a port to a new session of the main thread. @param closed Called when that has ended, which may be after the call. */
function connect({ description, ...peer }: GrpcPeer, closed: () => void): PortCarrier {
  const { port1, port2 } = new MessageChannel();
  port1.once("close", closed);
  const memory = createPortMemory();
  const carrier = new PortCarrier(port1, {
    memory,
    side: 0,
    peer,
    description,
    relayed: true,
    windowBytes: WINDOW_BYTES,
  });
  send({ type: "session", port: port2, memory, peer, description });
  return carrier;
}

/**
 * The parent ends the worker, if it takes such requests, else the main thread does; if it is too busy to do so in time,
 * the process is killed.
 */
function stop(graceSeconds: number): void {
  const graceMs = graceSeconds * 1000;
  leave();
  if (init.parentStops && init.parentPipe !== undefined) tellParent(init.parentPipe, graceMs);
  else send({ type: "stop", graceMs });
  const delayMs = graceMs + STOP_GRACE_MS;
  if (kill !== undefined) {
    if (deadlines.now() + delayMs >= kill.atMs) return;
    deadlines.cancel(kill);
  }
  if (timeIsOver !== undefined) deadlines.cancel(timeIsOver);
  // The main thread says the same, unless a body blocks it: then it says nothing any more.
  timeIsOver = deadlines.after(graceMs, () => {
    for (const relay of relays) relay.announceEnd();
  });
  kill = deadlines.after(delayMs, () => {
    print(2, `merino: worker ${process.pid} did not stop within ${Math.round(delayMs)} ms and is killed\n`);
    process.kill(process.pid, "SIGKILL");
  });
}

/** Tells of the worker's health that it leaves: whatever the main thread does, it takes no call from now on. */
function leave(): void {
  listening.then((listener) => listener.leave()).catch(() => {}); // reported below
}

async function serve(): Promise<GrpcListener> {
  const { activity, heldShare, parentPipe: _, parentStops: __, ...options } = init;
  return listenGrpc({
    ...options,
    share: new ThreadShare(heldShare, 1),
    handlers: {
      session: (call) =>
        relayed(call, (carrier) => {
          const relay = relaySession(call, carrier);
          relays.add(relay);
          return {
            ...relay,
            closed() {
              relays.delete(relay);
              relay.closed();
            },
          };
        }),
      dispatch: (call) => relayed(call, (carrier) => relayDispatch(call, carrier)),
      idleSeconds: () => idleMsIn(activity) / 1000,
      takesCalls: () => !isLeaving(activity),
      describe: () => record.promise,
      access: askAccess,
      stop,
    },
  });
}

/** The rules are in the main thread. A caller that has waited too long for it has gone by then. */
async function askAccess(request: Uint8Array): Promise<Uint8Array> {
  const { port1, port2 } = new MessageChannel();
  const answered = createDeferred<Uint8Array | string>();
  port1.once("message", answered.resolve);
  // A copy of its own: all the memory that a view is of would be cloned.
  send({ type: "access", request: new Uint8Array(request), port: port2 });
  const answer = await answered.promise;
  port1.close();
  if (typeof answer === "string") throw new Error(answer);
  return answer;
}

function print(descriptor: 1 | 2, text: string | Uint8Array): void {
  try {
    if (typeof text === "string") writeSync(descriptor, text);
    else writeSync(descriptor, text);
  } catch {
    // The pipe is full, or its reader has gone.
  }
}

// A thread's own streams go through the main thread, and stand still while that is busy.
for (const [descriptor, stream] of [
  [1, process.stdout],
  [2, process.stderr],
] as const) {
  stream.write = (chunk: string | Uint8Array) => {
    print(descriptor, chunk);
    return true;
  };
}

const listening = serve();
if (init.parentPipe !== undefined) followParent(init.parentPipe, leave);
main.on("message", (message: MainMessage) => {
  if (message.type === "record") {
    record.resolve(message.record);
    return;
  }
  if (message.type === "leave") {
    leave();
    return;
  }
  if (message.type === "renew") {
    const { material } = message;
    listening.then((listener) => listener.renew(material)).catch(() => {}); // reported below
    return;
  }
  void listening
    .then((listener) => listener.close(message.graceMs))
    .catch(() => {}) // reported below
    .finally(() => {
      if (kill !== undefined) deadlines.cancel(kill);
      send({ type: "closed" });
      main.close();
    });
});
listening.then(
  ({ host, port }) => send({ type: "listening", host, port }),
  (error: unknown) => {
    const message = errorText(error);
    const option =
      error instanceof InvalidOptionError
        ? { name: error.option, value: error.value, expected: error.expected }
        : undefined;
    send({ type: "failed", message, ...(option && { option }) });
    main.close();
  },
);
