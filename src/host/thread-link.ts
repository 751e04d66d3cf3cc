/**
 * A thread's end of the line between a worker in it and its parent: it receives the worker's settings and connections,
 * and sends its reports. The thread ends with its process, so that nothing has to watch for the parent's end.
 */
import { parentPort, workerData } from "node:worker_threads";
import { type RenewableTrust, receiveTrust } from "../credentials/material/renewable-material.ts";
import { createDeferred } from "../internal/deferred.ts";
import type { ChildMessage } from "../process/worker.ts";
import type { ThreadInit, ThreadMessage } from "../thread/thread-init.ts";
import type { Printed } from "../transport/output/printed.ts";
import { PortCarrier } from "../transport/thread/port-carrier.ts";
import { exitFlushed, type ParentLink, type ParentRequests } from "./parent-link.ts";
import { causeOfStartFailure, explainStartFailure } from "./start-failure.ts";

/**
 * Connects the worker with its parent. Called once, before any module of the user is imported. The thread's variables
 * and options are those of the program from then on.
 *
 * @param printed What the thread prints, for the parent to pass on.
 * @throws Error if this thread was not started by a Merino parent.
 */
export function connectParentThread(requests: ParentRequests, printed: Printed): ParentLink {
  const parent = parentPort;
  const { merino } = (workerData ?? {}) as Partial<ThreadInit>;
  if (parent === null || merino === undefined) {
    throw new Error("Workers in threads are started by a pool, never by hand");
  }
  const { init, env, execArgv } = merino;
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
        const { port, memory } = message;
        const description = `parent of worker ${init.uid}`;
        return requests.serve(new PortCarrier(port, { memory, side: 1, description, printed }));
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
    imported: (module) => send({ type: "merino:imported", module }),
    unresponsive: (uid, { culprit, certain }) => send({ type: "merino:unresponsive", uid, culprit, certain }),
    importFailed: (uid) => send({ type: "merino:import-failed", uid }),
    stopRequested: (why) => send({ type: "merino:stop-requested", why }),
    stopping: () => send({ type: "merino:stopping" }),
    exit: exitFlushed,
  };
}

/** Node gives a thread the variables of this moment, and only those options that are for threads. */
function takeOver(env: ThreadInit["merino"]["env"], execArgv: readonly string[]): void {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name];
  Object.assign(process.env, env);
  process.execArgv.splice(0, process.execArgv.length, ...execArgv);
}
