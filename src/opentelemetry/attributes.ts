/**
 * The names of attributes, and their values where these take some thought. Names that are not the library's own are
 * those of OpenTelemetry's semantic conventions, written here because the package that has them as constants is far
 * larger than what is needed of it.
 *
 * @see https://github.com/open-telemetry/semantic-conventions/tree/v1.45.0/docs/rpc
 */
import { fileURLToPath } from "node:url";
import type { Attributes } from "@opentelemetry/api";
import type { CallWorker } from "../telemetry/call-message.ts";

/** By what they say. */
export const ATTRIBUTES = {
  system: "rpc.system.name",
  method: "rpc.method",
  serverAddress: "server.address",
  serverPort: "server.port",
  transport: "network.transport",
  errorType: "error.type",
  functionName: "code.function.name",
  filePath: "code.file.path",
  task: "merino.task.id",
  callingTask: "merino.task.caller",
  worker: "merino.worker.uid",
  tag: "merino.tag",
  priority: "merino.priority",
  attempts: "merino.attempts",
  attempt: "merino.attempt",
  hedge: "merino.attempt.hedge",
  steps: "merino.steps",
  step: "merino.step",
  outcome: "merino.outcome",
  queued: "merino.queue.duration",
  requestSize: "merino.request.size",
  responseSize: "merino.response.size",
  refusalCode: "merino.refusal.code",
  refusalReason: "merino.refusal.reason",
  resource: "merino.resource.name",
} as const;

/** The value of `rpc.system.name`. */
export const SYSTEM = "merino";

const endpoints = new WeakMap<CallWorker, Attributes>();

/** Where a call was sent to. What is told of a worker is the same object for many calls. */
export function workerAttributes(worker: CallWorker): Attributes {
  let attributes = endpoints.get(worker);
  if (attributes === undefined) {
    attributes = attributesOf(worker);
    endpoints.set(worker, attributes);
  }
  return attributes;
}

function attributesOf(worker: CallWorker): Attributes {
  const endpoint = /^\[?(.+?)\]?:(\d+)$/.exec(worker.address);
  const where: Attributes =
    endpoint === null
      ? { [ATTRIBUTES.serverAddress]: worker.address, [ATTRIBUTES.transport]: "unix" }
      : {
          [ATTRIBUTES.serverAddress]: endpoint[1],
          [ATTRIBUTES.serverPort]: Number(endpoint[2]),
          [ATTRIBUTES.transport]: "tcp",
        };
  return { ...where, [ATTRIBUTES.worker]: worker.uid };
}

/** The path of a module, as far as it has one. @param module Its URL. */
export function codePath(module: string): string {
  if (!module.startsWith("file:")) return module;
  try {
    return fileURLToPath(module);
  } catch {
    return module; // of another platform
  }
}
