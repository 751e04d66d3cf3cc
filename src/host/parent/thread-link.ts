/**
 * A thread's end of the line between a worker in it and its parent: it receives the worker's settings and connections,
 * and sends its reports. The thread ends with its process, so that nothing has to watch for the parent's end.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type RenewableTrust, receiveTrust } from "../../credentials/material/renewable-material.ts";
import { createDeferred } from "../../internal/deferred.ts";
import type { ChildMessage } from "../../process/worker.ts";
import type { ThreadInit, ThreadMessage } from "../../thread/thread-init.ts";
import type { Printed } from "../../transport/output/printed.ts";
import { RingCarrier } from "../../transport/thread/ring-carrier.ts";
import type { CarrierWaiter } from "../../transport/thread/ring-waiter.ts";
import { exitFlushed, type ParentLink, type ParentRequests } from "./parent-link.ts";
import { causeOfStartFailure, explainStartFailure } from "./start-failure.ts";

/**
 * What this thread was started with.
 *
 * @throws Error if it was not started by a Merino parent.
 */
export function threadInit(): ThreadInit["merino"] {
  const { merino } = (workerData ?? {}) as Partial<ThreadInit>;
  if (parentPort !== null && merino !== undefined) return merino;
  throw new Error("Workers in threads are started by a pool, never by hand");
}

/**
 * Connects the worker with its parent. Called once, before any module of the user is imported. The thread's variables
 * and options are those of the program from then on.
 *
 * @param own `printed`: what the thread prints, for the parent to pass on; `waiter`: waits for what the parent sends.
 * @throws As {@link threadInit}.
 */
export function connectParentThread(
  requests: ParentRequests,
  { printed, waiter }: { readonly printed: Printed; readonly waiter: CarrierWaiter },
): ParentLink {
  const { init, env, execArgv } = threadInit();
  const parent = parentPort as MessagePort; // threads have one
  takeOver(env, execArgv);
  const trust = createDeferred<RenewableTrust>();
  let passed: RenewableTrust | undefined;
  parent.on("message", (message: ThreadMessage | null) => {
    switch (message?.type) {
      case "merino:trust":
        passed?.renew(message.trust.material);
        passed ??= receiveTrust(message.trust);
        return trust.resolve(passed);
      case "merino:connect": {
        const { port, memory, parentSleep: peerSleep } = message;
        const description = `parent of worker ${init.uid}`;
        return requests.serve(
          new RingCarrier(port, { memory, side: "server", waiter, peerSleep, description, printed }),
        );
      }
      case "merino:drain":
        return requests.drain(message.except);
      case "merino:retire":
        return requests.retire();
      case "merino:stop":
        return requests.stop();
    }
  });
  const send = (message: ChildMessage): void => parent.postMessage(message);
  return {
    init,
    trust: trust.promise,
    ready: (metadata) => send({ type: "merino:ready", metadata }),
    failed(error) {
      send({ type: "merino:failed", error: explainStartFailure(error), cause: causeOfStartFailure(error) });
      exitFlushed(1);
    },
    importing: (module, limitMs) => send({ type: "merino:importing", module, limitMs }),
    imported: (module, isLoaded) => send({ type: "merino:imported", module, loaded: isLoaded }),
    unresponsive: (uid, { culprit, certain }) => send({ type: "merino:unresponsive", uid, culprit, certain }),
    importFailed: (uid) => send({ type: "merino:import-failed", uid }),
    stopRequested: (why) => send({ type: "merino:stop-requested", why }),
    stopping: () => send({ type: "merino:stopping" }),
    report: send,
    exit: exitFlushed,
  };
}

/** Node gives a thread the variables of this moment, and only those options that are for threads. */
function takeOver(env: ThreadInit["merino"]["env"], execArgv: readonly string[]): void {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name];
  Object.assign(process.env, env);
  process.execArgv.splice(0, process.execArgv.length, ...execArgv);
}
