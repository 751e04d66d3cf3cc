/** What arrives under the names of another directory of the package, and what does not change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { portable } from "../../../../src/codec/portable.ts";
import { parseIdentityMapping } from "../../../../src/host/modules/identity-map.ts";
import { mapReferences } from "../../../../src/host/modules/mapped-references.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import { routine } from "../../../../src/routine/routine.ts";

class Point {}
portable(Point, { id: "mapped/dist/geometry.js#Point" });
const shift = routine(async function shift() {}, { id: "mapped/dist/geometry.js#shift" });

const mapped = mapReferences(processReferences, [parseIdentityMapping("dist=src")]);

test("mapReferences finds classes and routines by the names of the sources", () => {
  const reference = { id: "mapped/src/geometry.ts#shift", module: undefined, generator: false };

  assert.equal(mapped.portableById("mapped/src/geometry.ts#Point")?.constructor, Point);
  assert.equal(mapped.resolveRoutine(reference), shift);
});

test("mapReferences leaves the worker's own names, and what nobody knows, as they are", () => {
  const reference = { id: "mapped/dist/geometry.js#shift", module: undefined, generator: false };
  const unknown = { ...reference, id: "mapped/src/geometry.ts#turn" };

  assert.equal(mapped.portableById("mapped/dist/geometry.js#Point")?.constructor, Point);
  assert.equal(mapped.resolveRoutine(reference), shift);
  assert.equal(mapped.describeRoutine(shift)?.id, reference.id);
  assert.equal(mapped.portableById("mapped/src/geometry.ts#Line"), undefined);
  assert.equal((mapped.resolveRoutine(unknown) as { readonly id: string }).id, unknown.id);
});

test("mapReferences without mappings is what it was given", () => {
  assert.equal(mapReferences(processReferences, []), processReferences);
});
