/**
 * `grpc.reflection.v1.ServerReflection`, and its predecessor `v1alpha`: tells what the worker's services are like, for
 * tools that have no file of the schema. It says nothing of routines, and is loaded when somebody asks.
 */
import { ProtocolError } from "../../../errors/protocol-error.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../../internal/time/deadline-queue.ts";
import {
  decodeReflectionRequest,
  encodeReflectionResponse,
  type ReflectionAnswer,
  type ReflectionQuestion,
} from "../../../wire/messages/reflection-messages.ts";
import { REFLECTION_METHODS } from "../../grpc/service.ts";
import { GrpcStatus } from "../../grpc/status-codes.ts";
import type { CallStatus, ServerCall, ServerCallEvents, ServerMethod } from "../server-call.ts";
import type { Schema } from "./schema.ts";

/** The longest request: a name. */
const MAX_REQUEST_BYTES = 4 * 1024;
/** Calls at a time, on each server. */
const MAX_CALLS = 64;
/** Requests of one call that may wait until its caller has read the answers to those before. */
const MAX_WAITING = 32;
/** How long a call may ask for nothing. */
const IDLE_MS = 60_000;

const TOO_MANY_CALLS: CallStatus = {
  code: GrpcStatus.RESOURCE_EXHAUSTED,
  details: `This worker already has ${MAX_CALLS} calls of ServerReflectionInfo; end one, or try again`,
};
const TOO_MANY_REQUESTS: CallStatus = {
  code: GrpcStatus.RESOURCE_EXHAUSTED,
  details: `More than ${MAX_WAITING} requests wait; read the answers before you ask again`,
};
const IDLE: CallStatus = {
  code: GrpcStatus.DEADLINE_EXCEEDED,
  details: `No request for ${IDLE_MS} ms`,
};

const UNREADABLE: CallStatus = {
  code: GrpcStatus.INTERNAL,
  details: "The worker cannot read its own schema",
};

const NOTHING: ServerCallEvents = { message() {}, drain() {}, halfClosed() {}, closed() {} };

let schema: Promise<Schema> | undefined;

/** What a call needs from its server. */
interface Inside {
  readonly queue: DeadlineQueue;
  readonly load: () => Promise<Schema>;
  readonly over: () => void;
}

function loadSchema(): Promise<Schema> {
  schema ??= import("./schema.ts").then(({ readSchema }) => readSchema());
  return schema;
}

/**
 * The methods of one server.
 *
 * @param inside Where time comes from, and what reads the schema: the shared ones unless a test gives others.
 */
export function reflectionMethods({
  queue = deadlines,
  load = loadSchema,
}: Partial<Pick<Inside, "queue" | "load">> = {}): (readonly [path: string, method: ServerMethod])[] {
  let calls = 0;
  const method: ServerMethod = {
    maxMessageBytes: MAX_REQUEST_BYTES,
    open(call) {
      if (calls >= MAX_CALLS) {
        call.end(TOO_MANY_CALLS);
        return NOTHING;
      }
      calls += 1;
      return new ReflectionCall(call, {
        queue,
        load,
        over() {
          calls -= 1;
        },
      });
    },
  };
  return REFLECTION_METHODS.map(({ path }) => [path, method] as const);
}

/** One call: answers its requests in their order, as fast as its caller reads. */
class ReflectionCall implements ServerCallEvents {
  readonly #call: ServerCall;
  readonly #over: () => void;
  readonly #queue: DeadlineQueue;
  readonly #waiting: Uint8Array[] = [];
  /** Present once it is loaded. */
  #schema: Schema | undefined;
  #full = false;
  #halfClosed = false;
  #idle: DeadlineEntry;

  constructor(call: ServerCall, inside: Inside) {
    this.#call = call;
    this.#over = inside.over;
    this.#queue = inside.queue;
    this.#idle = this.#awaitRequest();
    inside
      .load()
      .then((loaded) => {
        this.#schema = loaded;
        this.#answer();
      })
      .catch(() => this.#call.end(UNREADABLE));
  }

  message(bytes: Uint8Array, start: number, end: number): void {
    this.#queue.cancel(this.#idle);
    this.#idle = this.#awaitRequest();
    if (this.#waiting.length >= MAX_WAITING) return this.#call.end(TOO_MANY_REQUESTS);
    // A copy, since what it is a part of may be a thousand times as long; not `slice`, which on a Buffer shares it.
    this.#waiting.push(new Uint8Array(bytes.subarray(start, end)));
    this.#answer();
  }

  drain(): void {
    this.#full = false;
    this.#answer();
  }

  halfClosed(): void {
    this.#halfClosed = true;
    this.#answer();
  }

  closed(): void {
    this.#queue.cancel(this.#idle);
    this.#waiting.length = 0;
    this.#over();
  }

  #answer(): void {
    const known = this.#schema;
    if (known === undefined) return;
    while (!this.#full) {
      const request = this.#waiting.shift();
      if (request === undefined) break;
      try {
        this.#full = !this.#call.send(answerTo(request, known));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#call.end({ code: GrpcStatus.INVALID_ARGUMENT, details: error.message });
        return;
      }
    }
    if (this.#halfClosed && this.#waiting.length === 0) this.#call.end();
  }

  #awaitRequest(): DeadlineEntry {
    return this.#queue.after(IDLE_MS, () => this.#call.end(IDLE));
  }
}

/** @throws {@link ProtocolError} if the request is none. */
function answerTo(bytes: Uint8Array, schema: Schema): Uint8Array {
  const { host, question } = decodeReflectionRequest(bytes);
  return encodeReflectionResponse({ bytes, host }, answer(question, schema));
}

function answer(question: ReflectionQuestion | undefined, schema: Schema): ReflectionAnswer {
  switch (question?.kind) {
    case "services":
      return { kind: "services", names: schema.services };
    case "file":
      return fileOr(schema.fileNamed(question.name), "It has no such file");
    case "symbol":
      return fileOr(schema.fileDeclaring(question.name), "No file declares that");
    case "extension":
      return notFound("There are no extensions");
    case "extensions":
      return schema.fileDeclaring(question.type) === undefined
        ? notFound("No file declares that type")
        : { kind: "unextended", type: question.type };
    case undefined:
      return { kind: "error", code: GrpcStatus.INVALID_ARGUMENT, message: "It asks for nothing known here" };
  }
}

function fileOr(file: Uint8Array | undefined, otherwise: string): ReflectionAnswer {
  return file === undefined ? notFound(otherwise) : { kind: "files", files: [file] };
}

function notFound(message: string): ReflectionAnswer {
  return { kind: "error", code: GrpcStatus.NOT_FOUND, message };
}
