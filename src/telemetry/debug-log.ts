/**
 * With `NODE_DEBUG=merino`, prints what the channels tell, a line for each message, by `util.debuglog("merino")`. Values, tags and the texts of
 * errors may hold what is not for a log, and are left out; names and addresses that others have chosen are shown escaped.
 */
import { type Channel, channel, type TracingChannel } from "node:diagnostics_channel";
import { debuglog } from "node:util";
import { shownBriefly } from "../internal/shown-text.ts";
import {
  callChannel,
  callStepChannel,
  discoveryChannel,
  discoveryEventChannel,
  executionChannel,
  executionStepChannel,
  poolChannel,
  poolCloseChannel,
  refusedChannel,
  workerChannel,
  workerExitChannel,
} from "./channels.ts";

/** Longer names are cut. */
const MAX_FIELD = 200;

/** Fields that are printed, in this order, of whichever message has them. */
const FIELDS = [
  "routine",
  "id",
  "uid",
  "pid",
  "address",
  "source",
  "own",
  "type",
  "size",
  "nested",
  "streaming",
  "attempts",
  "queuedMs",
  "requestBytes",
  "responseBytes",
  "steps",
  "outcome",
  "exitCode",
  "signal",
  "expected",
] as const;

/** As of a message of any channel. */
type Fields = Readonly<Record<string, unknown>>;

const log = debuglog("merino");
let isStarted = false;

/** To be called by whatever makes calls, serves them or starts workers, as often as it likes. */
export function startDebugLog(): void {
  if (isStarted || !log.enabled) return;
  isStarted = true;
  const tracings = {
    call: callChannel,
    execution: executionChannel,
    worker: workerChannel,
    pool: poolChannel,
    discovery: discoveryChannel,
  };
  for (const [name, tracing] of Object.entries(tracings)) printTracing(name, tracing);
  print("call:step", callStepChannel);
  print("execution:step", executionStepChannel);
  print("worker:exit", workerExitChannel);
  print("pool:close", poolCloseChannel);
  print("discovery:event", discoveryEventChannel);
  channel(refusedChannel.name).subscribe((message) => {
    const { call, refusal } = message as { readonly call: Fields; readonly refusal: Fields };
    write("call:refused", { routine: call.routine, uid: refusal.worker, type: refusal.code });
  });
}

function printTracing(name: string, tracing: TracingChannel): void {
  print(`${name} start`, tracing.start);
  print(`${name} over`, tracing.asyncEnd);
}

function print(what: string, { name }: Channel): void {
  channel(name).subscribe((message) => write(what, message as Fields));
}

function write(what: string, message: Fields): void {
  const texts = FIELDS.flatMap((field) => {
    const value = message[field];
    return value === undefined || value === false ? [] : [`${field}=${shown(value)}`];
  });
  const { error, worker } = message;
  if (typeof worker === "object" && worker !== null) texts.push(`worker=${shown((worker as Fields).uid)}`);
  if (error !== undefined) texts.push(`error=${kindOf(error)}`);
  log("%s", [what, ...texts].join(" "));
}

function shown(value: unknown): string {
  return typeof value === "number"
    ? String(Math.round(value * 1000) / 1000)
    : shownBriefly(String(value), MAX_FIELD);
}

/** Its code, or else its name: what it says may hold anything. */
function kindOf(error: unknown): string {
  try {
    const { code, name } = error as Fields;
    return shown(typeof code === "string" ? code : typeof name === "string" ? name : typeof error);
  } catch {
    return typeof error;
  }
}
