/** Words on the command line, and messages between a worker's process and its parent. */
import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { Writable } from "node:stream";
import { CommanderError } from "commander";
import { createProgram } from "../../../src/cli/program.ts";
import { parseNodeOptions } from "../../../src/process/launch/parse-node-options.ts";
import { takeWorkerInit, WORKER_INIT_VARIABLE } from "../../../src/process/launch/worker-init.ts";
import { WorkerChild } from "../../../src/process/worker-child.ts";
import { parseGrpcAddress } from "../../../src/transport/grpc/address.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import { expectCodes, type FuzzTarget } from "../target.ts";

const WORDS = [
  "worker",
  "ls",
  "stop",
  "doctor",
  "help",
  "--help",
  "--version",
  "--host",
  "0.0.0.0",
  "--port",
  "7777",
  "--port=99999",
  "--discovery",
  "lan:thumbs",
  "dns:jobs.example:7777?server=10.0.0.10",
  "dns:[::1",
  "local:",
  "none",
  "--grace",
  "10s",
  "1e9",
  "-1",
  "Infinity",
  "--tag",
  "a=b",
  "--extra",
  "zone=a",
  "--json",
  "--workers",
  "3",
  "--keepalive",
  "--advertise",
  "host:1",
  "./jobs.ts",
  "--",
  "",
];

const SEPARATOR = "\u0000";

export const commandLines: FuzzTarget = {
  name: "command lines",
  share: 3,
  make(random) {
    const words = Array.from({ length: 1 + random.small(7) }, () => random.pick(WORDS));
    const line = Buffer.from(words.join(SEPARATOR));
    return random.oneIn(2) ? line : mutate(line, random);
  },
  run(bytes) {
    const words = Buffer.from(bytes).toString().split(SEPARATOR);
    const program = createProgram({ out: () => {}, err: () => {} });
    for (const command of program.commands) command.action(() => {});
    try {
      program.parse(words, { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
    }
    for (const word of words) {
      parseNodeOptions(word);
      try {
        parseGrpcAddress(word);
      } catch (error) {
        expectCodes(error, "ERR_MERINO_INVALID_OPTION");
      }
    }
  },
};

const MESSAGES: readonly unknown[] = [
  { type: "merino:ready", metadata: { uid: "w1" } },
  { type: "merino:failed", error: "no", cause: { name: "Error", message: "m" } },
  { type: "merino:importing", module: "file:///a.ts", limitMs: 5 },
  { type: "merino:stop-requested", why: "idle", graceMs: null },
  { type: "merino:unresponsive", uid: "w1", culprit: "a#b", certain: true },
  { type: "toString" },
  { type: ["merino:ready"] },
  null,
  7,
];

/** A child of which there is only the channel. */
function fakeChild(): ChildProcess {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
  return Object.assign(new EventEmitter(), {
    pid: undefined,
    connected: false,
    stdio: [],
    stdout: null,
    stderr: null,
    stdin: stream,
    unref: () => {},
    kill: () => false,
  }) as unknown as ChildProcess;
}

function anyMessage(random: Random): Buffer {
  const message = Buffer.from(JSON.stringify(random.pick(MESSAGES)));
  return random.oneIn(3) ? message : mutate(message, random);
}

export const childMessages: FuzzTarget = {
  name: "messages of processes",
  share: 3,
  make: anyMessage,
  run(bytes) {
    const text = Buffer.from(bytes).toString();
    try {
      takeWorkerInit({ [WORKER_INIT_VARIABLE]: text });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    const child = fakeChild();
    const seen: string[] = [];
    const start = { init: { socketPath: "/nowhere" } as never, guardian: false, isUnhurried: false };
    new WorkerChild(child, start, {
      message: ({ type }) => void seen.push(type),
      ended: () => {},
      gone: () => {},
      unstarted: () => {},
    });
    child.emit("message", message);
    for (const type of seen)
      if (typeof type !== "string" || !type.startsWith("merino:")) throw new Error(`took '${type}'`);
  },
};
