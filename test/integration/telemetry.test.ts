/** The tracing channels and trace contexts on real workers: over a Unix socket and over gRPC. */
import assert from "node:assert/strict";
import { channel, tracingChannel } from "node:diagnostics_channel";
import { test } from "node:test";
import { type CallMessage, ProcessWorker, WorkerPool, WorkerProxy } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import * as routines from "./fixtures/traced-routines.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const PARTS = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;

/** Follows the calls of this process, each of which gets a trace. */
function followCalls() {
  const told = new Map<CallMessage, string[]>();
  const tell = (message: unknown, what: string) => {
    const call = message as CallMessage;
    const list = told.get(call) ?? [];
    told.set(call, list);
    list.push(what);
  };
  const tracing = tracingChannel("merino:call");
  const handlers = Object.fromEntries(
    PARTS.map((part) => [
      part,
      (message: unknown) => {
        const call = message as CallMessage;
        if (part === "start") call.trace = new Map([["traceparent", `00-${TRACE}-${SPAN}-01`]]);
        tell(message, part);
      },
    ]),
  ) as Record<(typeof PARTS)[number], (message: unknown) => void>;
  const onStep = (message: unknown) => tell(message, "step");
  tracing.subscribe(handlers);
  channel("merino:call:step").subscribe(onStep);
  return {
    told,
    /** The messages about the calls of one routine, and what was told of the last of them. */
    of(id: string): { readonly call: CallMessage; readonly parts: readonly string[] } {
      const [found] = [...told].filter(([{ routine }]) => routine === id).slice(-1);
      assert.ok(found !== undefined, `no call of '${id}'`);
      return { call: found[0], parts: found[1] };
    },
    [Symbol.dispose]() {
      tracing.unsubscribe(handlers);
      channel("merino:call:step").unsubscribe(onStep);
    },
  };
}

const COMPLETED = ["start", "end", "asyncStart", "asyncEnd"];
const FAILED = ["start", "end", "error", "asyncStart", "asyncEnd"];

test("calls over a Unix socket are told of, and carry a trace", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  void pool;
  await routines.follow();
  using calls = followCalls();

  const looked = await routines.look();
  const values: unknown[] = [];
  for await (const value of routines.lookTwice()) values.push(value);
  await assert.rejects(routines.fail(), /of the body/);
  const abort = new AbortController();
  const waiting = routines.wait.with({ signal: abort.signal })();
  await eventually(() => calls.of(routines.wait.id).call.worker !== undefined);
  abort.abort(new Error("of the signal"));
  await assert.rejects(waiting, /of the signal/);

  assert.deepEqual(looked, {
    trace: { traceId: TRACE, spanId: SPAN, sampled: true },
    before: ["bound", "entered"],
    after: ["bound", "entered"],
  });
  assert.deepEqual(values, [
    ["bound", "entered", TRACE],
    ["bound", "entered", TRACE],
  ]);
  assert.deepEqual(calls.of(routines.look.id).parts, COMPLETED);
  assert.deepEqual(calls.of(routines.lookTwice.id).parts, [
    "start",
    "end",
    "step",
    "step",
    "asyncStart",
    "asyncEnd",
  ]);
  assert.deepEqual(calls.of(routines.fail.id).parts, FAILED);
  assert.deepEqual(calls.of(routines.wait.id).parts, FAILED);
  const { call } = calls.of(routines.look.id);
  assert.equal(call.functionName, "look");
  assert.match(call.module, /traced-routines/);
  assert.equal(call.attempts, 1);
  assert.equal(call.outcome, "completed");
  assert.match(call.id ?? "", /^[0-9a-f-]{36}$/);
  assert.ok((call.requestBytes ?? 0) > 0 && call.responseBytes > 0 && (call.queuedMs ?? -1) >= 0);
  assert.match(call.worker?.address ?? "", /^\//);
  assert.equal(calls.of(routines.wait.id).call.outcome, "cancelled");
});

test("executions are told of in their worker, in order, once", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  void pool;
  await routines.follow();

  await routines.look();
  const ofFunction = await routines.followed();
  for await (const _ of routines.lookTwice());
  const ofGenerator = await routines.followed();
  await assert.rejects(routines.fail());
  const ofFailure = await routines.followed();
  await routines.unfollow();
  await routines.look();

  assert.deepEqual(ofFunction, ["task true", "start", "end", "asyncStart", "asyncEnd completed 0"]);
  assert.deepEqual(ofGenerator, [
    "task true",
    "start",
    "end",
    "step 1",
    "step 2",
    "asyncStart",
    "asyncEnd completed 2",
  ]);
  assert.deepEqual(ofFailure, ["task true", "start", "end", "error", "asyncStart", "asyncEnd failed 0"]);
  assert.deepEqual(await routines.followed(), []);
});

test("a trace goes through a worker in which nobody subscribes; a lost call is told of once", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 2 });
  void pool;
  using calls = followCalls();

  const { trace } = await routines.lookInside();
  await assert.rejects(routines.die(), { code: "ERR_MERINO_WORKER_LOST" });

  assert.deepEqual(trace, { traceId: TRACE, spanId: SPAN, sampled: true });
  assert.deepEqual(calls.of(routines.die.id).parts, FAILED);
  assert.equal(calls.of(routines.die.id).call.outcome, "failed");
});

test("calls over gRPC are told of, and carry a trace", async () => {
  await using _leaks = leakCheck();
  const modules = [new URL("./fixtures/traced-routines.ts", import.meta.url)];
  await using worker = await ProcessWorker.open({ host: "127.0.0.1", modules });
  const { socket: _, ...record } = worker.metadata;
  await using proxy = new WorkerProxy({ workers: [record] });
  await proxy.open();
  using calls = followCalls();

  const { trace } = await routines.look.with({ pool: proxy })();
  const values: unknown[] = [];
  for await (const value of routines.lookTwice.with({ pool: proxy, prefetch: 4 })()) values.push(value);

  assert.deepEqual(trace, { traceId: TRACE, spanId: SPAN, sampled: true });
  assert.equal(values.length, 2);
  assert.equal(calls.of(routines.look.id).call.worker?.address, record.address);
  assert.deepEqual(calls.of(routines.look.id).parts, COMPLETED);
  assert.deepEqual(calls.of(routines.lookTwice.id).parts, [
    "start",
    "end",
    "step",
    "step",
    "asyncStart",
    "asyncEnd",
  ]);
});
