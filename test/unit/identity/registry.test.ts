/** What the registry takes and finds. What may share an identity is tested with `routine()`, in `routine/declaration.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allRoutines,
  definitionOf,
  registerRoutine,
  routineIdentities,
  routinesOf,
} from "../../../src/identity/registry.ts";
import { declaredRoutine } from "../../support/declared-routine.ts";

test("registerRoutine makes a routine known by identity and by callable", () => {
  const added = declaredRoutine("known/jobs.ts#add");

  registerRoutine(added);

  assert.equal(routinesOf("known/jobs.ts#add").at(-1), added);
  assert.equal(definitionOf(added.routine), added);
  assert.ok(allRoutines().includes(added));
  assert.ok([...routineIdentities()].includes("known/jobs.ts#add"));
  assert.equal(
    definitionOf(() => {}),
    undefined,
  );
});

test("registerRoutine replaces a routine of an earlier evaluation, and keeps both callables", () => {
  const first = declaredRoutine("again/jobs.ts#add", { evaluation: 1 });
  const second = declaredRoutine("again/jobs.ts#add", { evaluation: 2 });

  registerRoutine(first);
  registerRoutine(second);

  assert.equal(routinesOf("again/jobs.ts#add").at(-1), second);
  assert.equal(definitionOf(first.routine), first);
  assert.equal(allRoutines().filter(({ id }) => id === "again/jobs.ts#add").length, 1);
});

test("registerRoutine keeps the routine of a later evaluation, and knows the other's callable", () => {
  const first = declaredRoutine("stale/jobs.ts#add", { evaluation: 1 });
  const second = declaredRoutine("stale/jobs.ts#add", { evaluation: 2 });

  registerRoutine(second);
  registerRoutine(first);

  assert.equal(routinesOf("stale/jobs.ts#add").at(-1), second);
  assert.equal(definitionOf(first.routine), first);
});

test("registerRoutine refuses another module's routine of the same identity and keeps the first", () => {
  const first = declaredRoutine("clash/jobs.ts#add");
  registerRoutine(first);

  const other = declaredRoutine("clash/jobs.ts#add", { module: "file:///srv/other.ts", evaluation: 2 });

  assert.throws(() => registerRoutine(other), {
    code: "ERR_MERINO_ROUTINE_DECLARATION",
    message: /file:\/\/\/srv\/other\.ts.*file:\/\/\/srv\/jobs\.ts/,
  });
  assert.equal(routinesOf("clash/jobs.ts#add").at(-1), first);
  assert.equal(definitionOf(other.routine), undefined);
});

test("the registry is one for every copy of the package in the process", async () => {
  const url = new URL("../../../src/identity/registry.ts?copy", import.meta.url);
  const copy = (await import(url.href)) as { routinesOf: typeof routinesOf };
  const added = declaredRoutine("copies/jobs.ts#add");

  registerRoutine(added);

  assert.notEqual(copy.routinesOf, routinesOf);
  assert.equal(copy.routinesOf("copies/jobs.ts#add").at(-1), added);
});
