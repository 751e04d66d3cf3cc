/** The definition of a routine: its identity, its body and where it was declared. Data only. */

import type { Allowance } from "../credentials/peers/allowed-peers.ts";
import type { Amounts } from "../internal/amounts.ts";
import type { Declaration } from "./declaration.ts";
import type { Repetition } from "./repeat-options.ts";

/** How a routine's body answers: once, or with a stream of values. */
export type RoutineKind = "function" | "generator";

/** A routine as the registry holds it. */
export interface RoutineDefinition {
  /** `<package name>/<module path from the package root>#<name>`, or the `id` given at declaration. */
  readonly id: string;
  readonly name: string;
  /** URL (`file:`) of the module that declares it; absent when declared with an `id` alone from nowhere in particular. */
  readonly module: string | undefined;
  readonly kind: RoutineKind;
  /** The body as written. Called with the receiver as `this`. */
  readonly body: (this: unknown, ...parameters: never[]) => unknown;
  /** Name of the enclosing function when the declaration is not at the top level of its module. */
  readonly declaredIn: string | undefined;
  /** Default budget of a call, in milliseconds. */
  readonly timeoutMs: number | undefined;
  /** Default budget of its body alone, in milliseconds. */
  readonly runTimeoutMs?: number | undefined;
  /** How many of its bodies one worker runs at a time; absent: any number. */
  readonly limit?: number | undefined;
  /** How its calls are repeated; absent: it is not idempotent, and they never are. */
  readonly repetition?: Repetition | undefined;
  /** What a body holds of its worker's resources while it runs; absent: nothing. */
  readonly needs?: Amounts | undefined;
  /** Which callers of the network may call it; absent: it says nothing. */
  readonly allow?: Allowance | undefined;
  /** For a method: the prototype of its class, or for a static one the class. */
  readonly owner?: object | undefined;
  /** The callable that users have. A routine that travels as a value arrives as this. */
  readonly routine: object;
  /** Where and how it was declared; absent for one that another process has declared. */
  readonly declaration?: Declaration;
  /** Whether it has come over a network, and is its identity only; see `taint.ts`. Default false. */
  readonly tainted?: boolean | undefined;
}

/** A routine that this process has declared. */
export interface DeclaredRoutine extends RoutineDefinition {
  readonly declaration: Declaration;
}
