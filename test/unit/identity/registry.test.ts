/** What the registry takes, replaces, refuses and suggests. */
import assert from "node:assert/strict";
import { utimesSync } from "node:fs";
import { test } from "node:test";
import {
  allRoutines,
  definitionOf,
  findRoutine,
  nearMisses,
  registerRoutine,
} from "../../../src/identity/registry.ts";
import type { RoutineDefinition } from "../../../src/identity/routine-definition.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

function definition(id: string, overrides: Partial<RoutineDefinition> = {}): RoutineDefinition {
  return {
    id,
    name: id.slice(id.lastIndexOf("#") + 1),
    module: "file:///srv/jobs.ts",
    kind: "function",
    body: () => 1,
    declaredIn: undefined,
    timeoutMs: undefined,
    routine: () => {},
    ...overrides,
  };
}

test("registerRoutine makes a routine known by identity and by callable", () => {
  const added = definition("known/jobs.ts#add");

  registerRoutine(added);

  assert.equal(findRoutine("known/jobs.ts#add"), added);
  assert.equal(definitionOf(added.routine), added);
  assert.ok(allRoutines().includes(added));
  assert.equal(
    definitionOf(() => {}),
    undefined,
  );
});

test("registerRoutine replaces a routine of equal source, and keeps both callables", () => {
  const [first, second] = [definition("again/jobs.ts#add"), definition("again/jobs.ts#add")];

  registerRoutine(first);
  registerRoutine(second);

  assert.equal(findRoutine("again/jobs.ts#add"), second);
  assert.equal(definitionOf(first.routine), first);
});

test("registerRoutine refuses another source of the same identity and keeps the first", () => {
  const first = definition("clash/jobs.ts#add");
  registerRoutine(first);

  const other = definition("clash/jobs.ts#add", { body: () => 2, module: "file:///srv/other.ts" });

  assert.throws(() => registerRoutine(other), {
    code: "ERR_MERINO_ROUTINE_DECLARATION",
    message: /file:\/\/\/srv\/other\.ts.*file:\/\/\/srv\/jobs\.ts/,
  });
  assert.equal(findRoutine("clash/jobs.ts#add"), first);
  assert.equal(definitionOf(other.routine), undefined);
});

test("registerRoutine replaces another source once the module's file has changed", () => {
  using fixtures = temporaryPackage({ "jobs.ts": "" });
  const module = fixtures.url("jobs.ts");
  registerRoutine(definition("reloaded/jobs.ts#add", { module }));
  const changed = definition("reloaded/jobs.ts#add", { module, body: () => 2 });
  assert.throws(() => registerRoutine(changed), { code: "ERR_MERINO_ROUTINE_DECLARATION" });

  utimesSync(fixtures.path("jobs.ts"), 1, 1);
  registerRoutine(changed);

  assert.equal(findRoutine("reloaded/jobs.ts#add"), changed);
});

test("the registry is one for every copy of the package in the process", async () => {
  const url = new URL("../../../src/identity/registry.ts?copy", import.meta.url);
  const copy = (await import(url.href)) as { findRoutine: typeof findRoutine };
  const added = definition("copies/jobs.ts#add");

  registerRoutine(added);

  assert.notEqual(copy.findRoutine, findRoutine);
  assert.equal(copy.findRoutine("copies/jobs.ts#add"), added);
});

test("nearMisses puts the same name in another module before a similar spelling, and leaves out the rest", () => {
  for (const id of ["near/dist/jobs.js#resize", "near/src/jobs.ts#resise", "near/src/jobs.ts#rotate"]) {
    registerRoutine(definition(id));
  }

  assert.deepEqual(nearMisses("near/src/jobs.ts#resize"), [
    "near/dist/jobs.js#resize",
    "near/src/jobs.ts#resise",
  ]);
  assert.deepEqual(nearMisses("near/src/jobs.ts#resize", 1), ["near/dist/jobs.js#resize"]);
  assert.deepEqual(nearMisses("completely/else.ts#unlike"), []);
});
