/**
 * Reads the requests of a `dispatch` stream as far as the relay must know them: who the caller is, which of them
 * ask for an answer, and what is wrong. Payloads stay as they are. `relay.ts` decides what follows from a request.
 */
import type { FrameReader } from "../../../wire/batch/frame-reader.ts";
import { BatchReader } from "../../../wire/batch/reader.ts";
import { Feature } from "../../../wire/features.ts";
import { FrameKind } from "../../../wire/frame-kind.ts";
import { TaskFlag } from "../../../wire/task/flags.ts";
import { GrpcStatus } from "../../grpc/status-codes.ts";
import { requestFrame } from "./bytes.ts";

/** What the head of a Task says about its caller. */
export interface DispatchCaller {
  readonly version: string;
  readonly codec: string;
  /** Whether it knows the whole grammar; see `Feature.Grammar`. */
  readonly knowsGrammar: boolean;
}

/** Why a request is not taken. */
export interface RequestProblem {
  readonly code: GrpcStatus;
  readonly details: string;
}

/** Codec of callers that name none: the original network's. */
const UNNAMED_CODEC = "pickle";

/** Requests that ask for one answer each. */
const STEPS: ReadonlySet<FrameKind> = new Set<FrameKind>([
  FrameKind.Next,
  FrameKind.Send,
  FrameKind.Throw,
  FrameKind.Return,
]);

const NO_PARTS = "announces parts, which a dispatch has no frames for";

/** A cursor over the requests of one stream. */
export class DispatchRequests {
  /** The current request in a frame of the relay's session; memory of its own. */
  frame: Uint8Array = new Uint8Array(0);
  /** Whether it asks for an answer. */
  step = false;
  /** Why it cannot be taken. */
  problem: RequestProblem | undefined;
  /** Known from the first request on, which is a Task. */
  caller: DispatchCaller | undefined;
  readonly #reader = new BatchReader();

  /** Goes to the next request. The bytes are copied. */
  next(bytes: Uint8Array): void {
    const reader = this.#reader;
    this.frame = requestFrame(bytes);
    reader.reset(this.frame, 0, this.frame.length);
    reader.next();
    if (this.caller === undefined) this.#readTask();
    else this.#readFurther();
  }

  #readTask(): void {
    const { kind, problem, task, payload } = this.#reader;
    if (kind !== FrameKind.Task) {
      const why = kind === FrameKind.Malformed ? `: ${problem}` : "";
      const details = `The first message of a dispatch must be a Task${why}`;
      this.problem = { code: GrpcStatus.FAILED_PRECONDITION, details };
      return;
    }
    this.caller = {
      version: task.version() ?? "",
      codec: task.codec() ?? UNNAMED_CODEC,
      knowsGrammar: task.features().includes(Feature.Grammar),
    };
    this.step = (task.flags & TaskFlag.NextImplied) !== 0;
    if (payload.parts > 0 || payload.detached) {
      this.problem = { code: GrpcStatus.INVALID_ARGUMENT, details: `The Task ${NO_PARTS}` };
    }
  }

  #readFurther(): void {
    const fault = faultOf(this.#reader);
    this.step = STEPS.has(this.#reader.kind);
    if (fault !== undefined) {
      const details = `The caller broke the protocol: ${fault}`;
      this.problem = { code: GrpcStatus.INVALID_ARGUMENT, details };
    }
  }
}

/** What is wrong with a request that is not the first; `undefined` if nothing is. */
function faultOf({ kind, problem, payload }: FrameReader): string | undefined {
  if (kind === FrameKind.Malformed) return problem;
  if (kind === FrameKind.Unknown) return "a request of an unknown kind";
  if (kind === FrameKind.Task) return "a second Task on one stream";
  if (payload.parts > 0 || payload.detached) return `a request ${NO_PARTS}`;
  return undefined;
}
