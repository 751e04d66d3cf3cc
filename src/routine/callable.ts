/** The callable that users get: a function with the routine's members around its definition. */
import type { CallOptions } from "../context/dispatcher.ts";
import type { RoutineDefinition, RoutineKind } from "../identity/routine-definition.ts";
import { resolveCallOptions } from "./call-options.ts";
import { callGenerator, callOnce, type DefinitionSource, rejectedGenerator } from "./call-routine.ts";

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
        return typeof source === "function" ? source(undefined).id : source.id;
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
        return function (this: unknown, ...parameters: unknown[]): unknown {
          if (refusal !== undefined) {
            return kind === "generator" ? rejectedGenerator(refusal) : Promise.reject(refusal);
          }
          return call(source, this, parameters, options);
        };
      },
    },
  };
  return Object.defineProperties(callable, members);
}
