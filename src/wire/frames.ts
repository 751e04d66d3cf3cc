/**
 * The contents of frames as plain data, which the session passes to the writer and gets from the reader.
 * In all of them 0, `""` and `undefined` mean "absent", as in proto3. All numbers are integers between
 * 0 and 2^53 - 1 (2^32 - 1 if the schema says uint32); the writer does not check them again.
 */

import type { Amounts } from "../internal/amounts.ts";
import type { FrameKind } from "./frame-kind.ts";
import type { FlowHead } from "./messages/flow.ts";

/** Tasks that a nested call names above itself; a longer chain is cut. */
export const MAX_CALLERS = 32;

/** Identities of the first caller that a nested call names; further ones are left out. */
export const MAX_ORIGIN_IDENTITIES = 32;

/** Resources held that a nested call names; further ones are left out. */
export const MAX_HELD = 64;

/** Bytes read of a version, a uid or the name of a codec; nothing that is longer is compatible with anything. */
export const MAX_NAME_BYTES = 128;

/** Bytes read of the text by which a peer explains a refusal. */
export const MAX_EXPLANATION_BYTES = 8_192;

/** Codecs or features read of those that a peer lists. */
export const MAX_LISTED = 256;

/** One of the tasks from which a task was called. */
export interface Caller {
  readonly id: string;
  /** Identity of its routine. */
  readonly routine: string;
  readonly tag: string | undefined;
}

/** Everything a Task frame carries beside its arguments. */
export interface TaskFields {
  /** Index of a routine defined on this connection; 0: `callable` names it. */
  readonly routineRef: number;
  /** Identity of the routine. */
  readonly callable: string | undefined;
  /** Index of a proxy descriptor defined on this connection; 0: none. */
  readonly proxyRef: number;
  /** Bits of `TaskFlag`. */
  readonly flags: number;
  /** The rest of the call's time, in microseconds; 0: no limit. */
  readonly budgetUs: number;
  /** Values that a generator may run ahead. */
  readonly credit: number;
  /** Chunked parts that follow on the stream. */
  readonly parts: number;
  /** Whether an enclosure has come for it, beside the batches. Default false. */
  readonly attached?: boolean | undefined;
  readonly tag: string | undefined;
  /** Nearest first; only the first {@link MAX_CALLERS} are sent. */
  readonly callers: readonly Caller[] | undefined;
  /** Trace context by header name. */
  readonly trace: ReadonlyMap<string, string> | undefined;
  /** Identities of the first caller; only the first {@link MAX_ORIGIN_IDENTITIES} are sent. Default: none. */
  readonly origin?: readonly string[] | undefined;
  /** Options of the calls that the task makes: an encoded `RuntimeContext`. Default: none. */
  readonly runtimeContext?: Uint8Array | undefined;
  /** Among the calls of its caller that wait: the highest starts first. An integer of 32 bits. Default 0. */
  readonly priority?: number | undefined;
  /** Time for the body alone, in microseconds; 0: no limit. Default 0. */
  readonly runTimeoutUs?: number | undefined;
  /** By which the worker knows the call again. Default: none. */
  readonly idempotencyKey?: string | undefined;
  /** Names of the resources that the tasks hold from which it is called; only the first {@link MAX_HELD} are sent. Default: none. */
  readonly held?: readonly string[] | undefined;
  /** The stream of the reservation within which it runs; 0: none. Default 0. */
  readonly reservation?: number | undefined;
  /** It asks for resources in place of a routine: an encoded `Reserve`. Default: it does not. */
  readonly reserve?: Uint8Array | undefined;
  /** The items of its generator are for whoever shows this token. Default: for its caller. */
  readonly give?: string | undefined;
  /** It asks for the stream given under this token, in place of a routine. Default: it does not. */
  readonly take?: string | undefined;
  /** An encoded `ContextChanges`, which goes beside the Task. Default: none. */
  readonly variables?: Uint8Array | undefined;
}

/** The frames that carry a message. */
export type MessageKind =
  | typeof FrameKind.Send
  | typeof FrameKind.Throw
  | typeof FrameKind.Return
  | typeof FrameKind.Result
  | typeof FrameKind.Exception
  | typeof FrameKind.Done
  | typeof FrameKind.CallerFlow
  | typeof FrameKind.WorkerFlow;

/** Everything that a frame with a message says beside its payload. */
export interface MessageFields {
  readonly kind: MessageKind;
  /** Chunked parts that follow on the stream. */
  readonly parts: number;
  /** Whether the payload itself is part 0, and not in the frame. */
  readonly detached: boolean;
  /** Whether an enclosure has come for it, beside the batches. Default false. */
  readonly attached?: boolean | undefined;
  /** Of a response: how long the body occupied the thread, in microseconds; 0: not stated. */
  readonly bodyUs: number;
  /** An encoded `ContextChanges`. Default: none. */
  readonly variables?: Uint8Array | undefined;
  /** Of a CallerFlow or WorkerFlow: what it is about. Default: it is neither. */
  readonly flow?: FlowHead | undefined;
}

/** The limits that the sender of a Hello accepts. Sizes in bytes; 0: not stated. */
export interface Limits {
  readonly maxBatch: number;
  readonly maxMessage: number;
  readonly maxStreams: number;
  readonly streamWindow: number;
  readonly connectionWindow: number;
  readonly maxDefines: number;
  readonly maxOpenMessages: number;
  readonly maxDepth: number;
}

/** The first frame of each side. */
export interface Hello {
  /** Number the side chose for this connection. */
  readonly session: number;
  readonly version: string;
  readonly uid: string;
  /** For example `"node"`. */
  readonly runtime: string;
  /** Payload codecs in order of preference. */
  readonly codecs: readonly string[];
  /** Numbers of the optional frames and fields that the side understands. */
  readonly features: readonly number[];
  readonly limits: Limits;
}

/** No new streams: a warning first, then the final word. */
export interface GoAway {
  /** Streams above it were not started. */
  readonly lastStream: number;
  /** A `NackCode`, or a number that a newer peer knows. */
  readonly code: number;
  readonly detail: string;
  /** Time granted to streams in flight, in milliseconds. */
  readonly graceMs: number;
  /** The process ends by itself, without having been told to. Default: it has been told. */
  readonly unasked?: boolean;
}

/** The task was not started. */
export interface Nack {
  /** A `NackCode`, or a number that a newer peer knows. */
  readonly code: number;
  /** For people. */
  readonly reason: string;
  /** When to offer tasks again, in milliseconds from now; 0: not stated. */
  readonly retryAfterMs: number;
  /** The worker's version. */
  readonly version: string;
  /** How many bodies of its routine the worker runs at a time, if that is why it is full. Default: it is not. */
  readonly limit?: number;
  /** What its task needs of the worker's resources, if that is why it is refused. Default: it is not. */
  readonly needs?: Amounts;
  /** How much is free of these; none of those that are not there. */
  readonly free?: Amounts;
  /** The error behind it, as an encoded value; absent: there is none to tell of. */
  readonly exception?: Uint8Array;
  /** Whether what had come with the task comes back, beside the batches. Default false. */
  readonly attached?: boolean | undefined;
}

/** Gives an index to something that later frames of the same direction name. */
export interface Define {
  /** A `DefineKind`, or a number that a newer peer knows. */
  readonly kind: number;
  readonly index: number;
  readonly value: Uint8Array;
  /** URL of the declaring module, honoured on local carriers only; `""`: none. */
  readonly location: string;
  /** Of a routine: what the caller's own one is. Absent: it does not say. */
  readonly origin?: RoutineOrigin | undefined;
  /** It has come over a network. Default false. */
  readonly tainted?: boolean | undefined;
}

/** Where a process has a routine from. */
export interface RoutineOrigin {
  /** Path of its package's root from the first `/node_modules/` on; empty for what is not installed there. */
  readonly copy: string;
  /** Version of its package; empty without one. */
  readonly packageVersion: string;
  /** SHA-256 of the text of the declaring script, as it runs; no bytes if it is not known. */
  readonly scriptHash: Uint8Array;
  /** Places in the script of the calls that led to the declaration, nearest first: `line:column`, with a space between. */
  readonly path: string;
}

/** Why one stream was ended without a result. */
export interface Reset {
  /** A `NackCode`, or a number that a newer peer knows. */
  readonly code: number;
  /** For people. */
  readonly detail: string;
}
