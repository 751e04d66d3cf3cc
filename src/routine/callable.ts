/** The callable that users get: a function with the routine's members around its definition. */
import type { CallOptions } from "../context/dispatcher.ts";
import type { RoutineDefinition, RoutineKind } from "../identity/routine-definition.ts";
import { resolveCallOptions } from "./call-options.ts";
import { callGenerator, callOnce, type DefinitionSource, rejectedGenerator } from "./call-routine.ts";

/** The property of a routine bound to options that holds the routine itself. The bound one cannot travel. */
const ROUTINE: unique symbol = Symbol.for("merino.routine.bound") as never;

interface Bound {
  (this: unknown, ...parameters: unknown[]): unknown;
  [ROUTINE]?: object;
}

/** The routine that `with()` has bound to options, or `undefined` for any other function. */
export function boundRoutine(candidate: object): { readonly name: string } | undefined {
  return (candidate as Bound)[ROUTINE] as { readonly name: string } | undefined;
}

/** Builds the callable that users get around a definition. */
export function createCallable(
  source: DefinitionSource,
  body: RoutineDefinition["body"],
  kind: RoutineKind,
): object {
  const call = kind === "generator" ? callGenerator : callOnce;
  const callable = function (this: unknown, ...parameters: unknown[]): unknown {
    return call(source, this, parameters, undefined);
  };
  const members: PropertyDescriptorMap = {
    name: { value: body.name, configurable: true },
    length: { value: body.length, configurable: true },
    id: {
      get(): string {
        return source.id;
      },
      enumerable: true,
    },
    local: { value: body },
    with: {
      value(options: CallOptions): unknown {
        let refusal: unknown;
        try {
          resolveCallOptions(options);
        } catch (error) {
          refusal = error; // a call never throws: the promise of the call rejects with it
        }
        const bound: Bound = function (this: unknown, ...parameters: unknown[]): unknown {
          if (refusal !== undefined) {
            return kind === "generator" ? rejectedGenerator(refusal) : Promise.reject(refusal);
          }
          return call(source, this, parameters, options);
        };
        bound[ROUTINE] = callable;
        return bound;
      },
    },
  };
  return Object.defineProperties(callable, members);
}
