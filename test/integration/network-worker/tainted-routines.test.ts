/** Routines among the arguments of network callers: what a worker runs that was given one, and what it does not import. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { LocalDiscovery, ProcessWorker, type Routine, WorkerProxy } from "merino";
import { processReferences } from "../../../src/routine/process-references.ts";
import { leakCheck } from "../../support/leak-check.ts";
import {
  apply,
  applyOnOwnPool,
  believesNested,
  callOwn,
  callOwnIn,
  double,
  giveBack,
  relay,
  returnIt,
} from "./fixtures/tainted-routines.ts";

type AnyRoutine = Routine<(...parameters: never[]) => unknown>;

const EXPOSED = new URL("./fixtures/tainted-routines.ts", import.meta.url);
const SECRET = new URL("./fixtures/secret-routines.ts", import.meta.url);
const HIDDEN = new URL("./fixtures/hidden-routines.ts", import.meta.url);

/** A routine as a hostile caller names it, which has not imported its module. */
function named(module: URL, name: string): AnyRoutine {
  const id = apply.id.replace(/[^/]+#.*/, `${module.pathname.split("/").at(-1)}#${name}`);
  return processReferences.resolveRoutine({ id, module: module.href, generator: false }) as AnyRoutine;
}

/** How a call has ended: its value, or the name of its refusal. */
async function outcome(call: unknown): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    const { refusal, code } = error as { refusal?: string; code?: string };
    return refusal ?? code ?? error;
  }
}

test("a routine that a network caller names is neither imported nor run where it is not exposed", async (t) => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery(`taint-${randomUUID().slice(0, 8)}`);
  await using worker = await ProcessWorker.open({ discovery, host: "127.0.0.1", modules: [EXPOSED] });
  // A worker of another program, which the caller cannot reach by itself: its descriptor leads there by namespace and tag.
  await using _other = await ProcessWorker.open({ discovery, tags: ["other"] });
  const { socket: _, ...record } = worker.metadata;
  const surroundings = { descriptorDiscovery: discovery.descriptor };
  await using proxy = new WorkerProxy({ workers: [record] }, surroundings);
  await using aimed = new WorkerProxy(
    { workers: [{ ...record, tags: ["other"] }], tags: ["other"] },
    surroundings,
  );
  await Promise.all([proxy.open(), aimed.open()]);

  for (const [what, job] of [
    ["of a module that nobody has imported", named(SECRET, "secret")],
    ["that the worker has, and does not expose", named(HIDDEN, "hidden")],
  ] as const) {
    await t.test(what, async () => {
      assert.equal(await outcome(apply.with({ pool: proxy })(job)), "NOT_EXPOSED");
      assert.equal(await outcome(apply.with({ pool: aimed })(job)), "NOT_EXPOSED");
      assert.equal(await outcome(applyOnOwnPool.with({ pool: proxy })(job)), "NOT_EXPOSED");
      assert.equal(await outcome(relay.with({ pool: proxy })(job)), "NOT_EXPOSED");
    });
  }

  await t.test("but one that is exposed runs", async () => {
    const job = double as unknown as AnyRoutine;
    const calls = Array.from({ length: 10 }, () => apply.with({ pool: proxy })(job, 4 as never));
    // Also where the worker of the other program is asked first.
    assert.deepEqual(new Set(await Promise.all(calls.map(outcome))), new Set([8]));
  });

  await t.test("nor when a worker on the network gives it back to its caller", async () => {
    await using own = await WorkerProxy.open({ discovery, tags: ["other"] });
    const hidden = named(HIDDEN, "hidden");
    const given: unknown[] = [(await returnIt.with({ pool: proxy })(hidden)).job];
    const values = giveBack.with({ pool: proxy })(hidden);
    given.push(((await values.next()).value as AnyRoutine[])[0]);
    await values.next().catch((error: unknown) => given.push((error as { job: unknown }).job));

    assert.equal(given.length, 3);
    for (const job of given as AnyRoutine[]) {
      assert.equal(processReferences.describeRoutine(job)?.tainted, true);
      assert.equal(await outcome(job.with({ pool: own })()), "NOT_EXPOSED");
    }
    assert.equal(await outcome(hidden.with({ pool: own })()), "imported"); // as itself it runs there
  });

  await t.test("and a descriptor from the network stays one when a nested call brings it on", async () => {
    assert.equal(await believesNested.with({ pool: aimed })(), false);
  });

  await t.test("and the worker's own code calls what it likes", async () => {
    assert.equal(await outcome(callOwn.with({ pool: proxy })()), "called");
    assert.equal(await outcome(callOwnIn.with({ pool: proxy })(discovery.namespace)), "called");
  });
});
