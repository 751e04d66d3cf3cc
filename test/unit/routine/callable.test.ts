/** Calls that fail before they are made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RoutineDeclarationError } from "../../../src/errors/routine-declaration-error.ts";
import { createCallable, type MethodSource } from "../../../src/routine/callable.ts";

test("a call rejects, and never throws, with an error whose stack cannot be set", async () => {
  const trap = new Proxy(new Error("no look at this"), {
    get() {
      throw new Error("the trap");
    },
  });
  for (const error of [Object.freeze(new RoutineDeclarationError("frozen")), trap]) {
    const source: MethodSource = {
      id: "p/jobs.ts#walk",
      definitionFor() {
        throw error;
      },
    };
    const same = (reason: unknown): boolean => reason === error;

    const once = createCallable(source, (() => {}) as never, "function") as () => Promise<unknown>;
    const stream = createCallable(source, (() => {}) as never, "generator") as () => AsyncGenerator;

    assert.ok(await once().then(() => false, same));
    assert.ok(
      await stream()
        .next()
        .then(() => false, same),
    );
  }
});
