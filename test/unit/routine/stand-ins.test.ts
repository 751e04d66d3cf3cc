/** What a routine is here that another process has named, from this host and from a network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Routine } from "../../../src/index.ts";
import { becomeWorker, workerRole } from "../../../src/internal/worker-role.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import { routine } from "../../../src/routine/routine.ts";

const known = routine(async (n: number) => n + 1, { name: "known", timeout: 4_000 });
const MODULE = "file:///srv/app/jobs.js";

type AnyRoutine = Routine<(n: number) => unknown>;

function resolve(id: string, tainted: boolean, module: string | null = MODULE): AnyRoutine {
  return processReferences.resolveRoutine({
    id,
    module: module ?? undefined,
    generator: false,
    tainted,
  }) as AnyRoutine;
}

/** What is told of it to whoever it is passed on to. */
function described(candidate: object): unknown {
  const { id, module, tainted = false } = processReferences.describeRoutine(candidate) ?? {};
  return { id, module, tainted };
}

test("a tainted reference is never the routine that this process has under its identity", () => {
  const standIn = resolve(known.id, true);

  assert.notEqual(standIn, known);
  assert.equal(standIn.id, known.id);
  assert.deepEqual(described(standIn), { id: known.id, module: undefined, tainted: true });
  assert.equal(resolve(known.id, false, null), known);
});

for (const [what, first] of [
  ["clean", false],
  ["tainted", true],
] as const) {
  test(`a reference is taken for no other of its identity when the ${what} one comes first`, () => {
    const id = `app/jobs.js#${what}First`;

    resolve(id, first, null);
    const [clean, tainted, withModule] = [resolve(id, false, null), resolve(id, true), resolve(id, false)];

    assert.deepEqual(described(clean), { id, module: undefined, tainted: false });
    assert.deepEqual(described(tainted), { id, module: undefined, tainted: true });
    assert.deepEqual(described(withModule), { id, module: MODULE, tainted: false });
    assert.equal(resolve(id, true, "file:///another.js"), tainted);
  });
}

test("a reference cannot pass for one of another identity or kind", () => {
  const [generator, plain] = [true, false].map((generator) =>
    processReferences.resolveRoutine({
      id: generator ? "app/jobs.js#odd" : "*app/jobs.js#odd",
      module: undefined,
      generator,
      tainted: true,
    }),
  ) as [AnyRoutine, AnyRoutine];

  assert.deepEqual([generator.id, plain.id], ["app/jobs.js#odd", "*app/jobs.js#odd"]);
});

test("a tainted stand-in stays one with options, and is refused as a value like any routine bound to them", () => {
  const bound = resolve("app/jobs.js#bound", true).with({ timeout: 5 });

  assert.equal(processReferences.describeRoutine(bound), undefined);
  assert.match(processReferences.explainFunction?.(bound) ?? "", /bound to options/);
});

test("a tainted stand-in runs its body here only where that is exposed", async () => {
  const standIn = resolve(known.id, true);
  const before = workerRole();

  assert.throws(() => standIn.local(1), { code: "ERR_MERINO_ROUTINE_NOT_FOUND" });
  becomeWorker({
    uid: "worker",
    entry: undefined,
    onOpen: () => "allowed",
    exposedBody: (id) => (id === known.id ? known.local : undefined),
  });
  try {
    assert.equal(await standIn.local(1), 2);
    assert.throws(() => resolve("app/jobs.js#hidden", true).local(1), {
      code: "ERR_MERINO_ROUTINE_NOT_FOUND",
    });
  } finally {
    becomeWorker(before as never);
  }
});
