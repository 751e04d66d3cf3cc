/**
 * The port through which the codec sends things by reference instead of by value: routines, portable classes,
 * abort signals, and flows: iterables, streams and callbacks. The codec itself imports no registry and no module of the user.
 */

import type { PackageCopy } from "../identity/copies.ts";
import type { FlowKind } from "./format.ts";

/** A routine as it travels in a payload. */
export interface RoutineReference {
  readonly id: string;
  /** URL of the declaring module; a hint that only local carriers may follow. */
  readonly module: string | undefined;
  readonly generator: boolean;
  /** Whether it has come over a network, and is its identity only; see `identity/taint.ts`. Default false. */
  readonly tainted?: boolean | undefined;
  /** Why it cannot be named to another process, as a clause; what arrives might be another routine. */
  readonly conflict?: string | undefined;
}

/** A portable class as the codec uses it. */
export interface PortableClass {
  readonly id: string;
  readonly constructor: abstract new (...parameters: never[]) => object;
  /** From `static [encode](instance)`; absent: the own fields travel. */
  readonly encode: ((instance: object) => unknown) | undefined;
  /** From `static [decode](value)`. Present exactly when `encode` is. */
  readonly decode: ((value: unknown) => object) | undefined;
  /** The copy of its package, where the process has several with a class of this identity. */
  readonly copy?: PackageCopy | undefined;
  /** Why it cannot be named to another process, as a clause; what arrives might be of another class. */
  readonly conflict?: string | undefined;
}

/** Looks up what travels by reference. One implementation per process; signals differ per call. */
export interface References {
  /** The reference of a routine, or `undefined` for any other function. */
  describeRoutine(candidate: object): RoutineReference | undefined;
  /**
   * For a function that belongs to a routine but is none itself: a clause that says what it is and what to send
   * instead.
   */
  explainFunction?(candidate: object): string | undefined;
  /** The routine registered under the identity; for an unknown or tainted one, a callable stand-in. Never imports. */
  resolveRoutine(reference: RoutineReference): unknown;
  /** The portable class of an instance's exact prototype, or of the class itself, or `undefined`. */
  portableByPrototype(prototype: object): PortableClass | undefined;
  portableByConstructor(constructor: object): PortableClass | undefined;
  /**
   * @param copy Which of several classes of one identity; absent where the sender has only one.
   * @param module URL of the module whose routine the value is for or from; if need be, what that would import.
   */
  portableById(id: string, copy?: PackageCopy, module?: string): PortableClass | undefined;
}

/** Sends abort signals beside the arguments of one call. Absent if signals are refused, as in results. */
export interface SignalSink {
  /** Returns the index under which the signal's firing will be announced. Called once per distinct signal. */
  add(signal: AbortSignal): number;
}

/** Gives live signals for the indexes met in the arguments of one call. */
export interface SignalSource {
  get(index: number): AbortSignal;
}

/** Takes up the iterables, streams and callbacks among the arguments of one call, or in its answer. Absent if they are refused, as in items. */
export interface FlowSink {
  /**
   * Returns the number under which the receiver will ask for it, or why it cannot travel, as a clause. Called once per
   * distinct value.
   */
  addFlow(value: object, kind: FlowKind, path: string): number | string;
}

/** Gives the receiver's ends for the numbers met in the arguments of one call, or in its answer. */
export interface FlowSource {
  /** @returns An object or function, or why there is none, as a clause. */
  flowOf(kind: number, index: number): unknown;
}
