/** What the channels of `merino:call` tell of calls that are handed to nobody. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInScope } from "../../../src/context/scope.ts";
import { rootBranch } from "../../../src/context/variables/current-branch.ts";
import type { RoutineDefinition } from "../../../src/identity/routine-definition.ts";
import { createCallable, type MethodSource } from "../../../src/routine/callable.ts";
import type { CallMessage } from "../../../src/telemetry/call-message.ts";
import { FAILED, followTracing } from "../../support/follow-channels.ts";
import { stubParent } from "../../support/use-dispatcher.ts";

type Callable = ((...parameters: unknown[]) => Promise<unknown>) & {
  with(options: unknown): (...parameters: unknown[]) => Promise<unknown>;
};
type Stream = (...parameters: unknown[]) => AsyncGenerator;

const body = (() => {}) as RoutineDefinition["body"];

function definition(kind: "function" | "generator"): RoutineDefinition {
  return {
    id: "p/jobs.ts#walk",
    name: "walk",
    module: "file:///p/jobs.ts",
    kind,
    body,
    declaredIn: undefined,
    timeoutMs: undefined,
    routine: body,
  };
}

test("a call without a pool is told of: it begins, and has failed with its error", async () => {
  using calls = followTracing<CallMessage>("merino:call");
  const call = createCallable(definition("function"), body, "function") as Callable;
  const stream = createCallable(definition("generator"), body, "generator") as Stream;

  const errors = [
    await call(1).catch((error: unknown) => error),
    await stream()
      .next()
      .catch((error: unknown) => error),
  ];

  assert.deepEqual(calls.parts(), [...FAILED, ...FAILED]);
  const messages = [...new Set(calls.told.map(({ message }) => message))];
  assert.deepEqual(
    messages.map(({ routine, streaming, nested, outcome, attempts, requestBytes, worker }) => ({
      ...{ routine, streaming, nested, outcome, attempts, requestBytes, worker },
    })),
    [false, true].map((streaming) => ({
      ...{ routine: "p/jobs.ts#walk", streaming, nested: false, outcome: "failed", attempts: 0 },
      ...{ requestBytes: undefined, worker: undefined },
    })),
  );
  assert.deepEqual(
    messages.map(({ error }) => error),
    errors,
  );
  assert.deepEqual(
    errors.map((error) => (error as { code?: unknown }).code),
    ["ERR_MERINO_NO_ACTIVE_POOL", "ERR_MERINO_NO_ACTIVE_POOL"],
  );
});

test("one inside a task is nested, and has its trace context; one whose options are wrong has no tag of them", async () => {
  using calls = followTracing<CallMessage>("merino:call");
  const call = createCallable(definition("function"), body, "function") as Callable;
  const traceContext = new Map([["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]]);
  const task = { ...stubParent(), traceContext };
  const callOptions = { tag: "block" };
  const scope = { task, dispatcher: undefined, branch: rootBranch(), callOptions, traceContext };

  await assert.rejects(runInScope(scope, () => call()));
  await assert.rejects(call.with({ tag: 7 })());
  await assert.rejects(call.with({ tag: "mine", timeout: -1 })());

  const messages = [...new Set(calls.told.map(({ message }) => message))];
  assert.deepEqual(
    messages.map(({ nested, tag, trace }) => ({ nested, tag, trace })),
    [
      { nested: true, tag: "block", trace: traceContext },
      { nested: false, tag: undefined, trace: undefined },
      { nested: false, tag: "mine", trace: undefined },
    ],
  );
});

test("a call that cannot be told of rejects as ever", async () => {
  using calls = followTracing<CallMessage>("merino:call");
  const lost = new Error("no class");
  const source: MethodSource = {
    id: "p/jobs.ts#walk",
    definitionFor() {
      throw lost;
    },
  };
  const options = new Proxy(
    {},
    {
      get() {
        throw new Error("the trap");
      },
      ownKeys: () => ["tag"],
      getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: 1 }),
    },
  );

  await assert.rejects((createCallable(source, body, "function") as Callable)(), lost);
  await assert.rejects(
    (createCallable(definition("function"), body, "function") as Callable).with(options)(),
  );

  assert.deepEqual(calls.told, []);
});
