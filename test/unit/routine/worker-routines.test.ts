/** The routines of a module that is not loaded: what they are, and what is none of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { processReferences } from "../../../src/routine/process-references.ts";
import { routine } from "../../../src/routine/routine.ts";
import { isForWorkers, routines } from "../../../src/routine/worker-routines.ts";

interface Heavy {
  add: ReturnType<typeof makeAdd>;
}

function makeAdd(): typeof here {
  return here;
}

const here = routine(async function here(x: number) {
  return x;
});

const MODULE = new URL("./not-loaded.ts", import.meta.url);
const heavy = routines<Heavy>(MODULE);
const any = heavy as unknown as Readonly<Record<string | symbol, unknown>>;

describe("routines()", () => {
  test("are described as routines declared in the module are", () => {
    assert.deepEqual(processReferences.describeRoutine(heavy.add), {
      id: "merino/test/unit/routine/not-loaded.ts#add",
      module: MODULE.href,
      generator: false,
      conflict: undefined,
      tainted: false,
    });
    assert.equal(heavy.add, heavy.add);
    assert.equal(isForWorkers(MODULE.href), true);
    assert.equal(isForWorkers(import.meta.url), false);
  });

  test("are the routines themselves where the module is loaded", () => {
    const own = routines<{ here: typeof here }>(import.meta.url);

    assert.equal(own.here, here);
  });

  test("have nothing under symbols and under names that any object may be asked for", async () => {
    for (const name of [
      Symbol.toStringTag,
      Symbol.asyncIterator,
      "then",
      "toJSON",
      "constructor",
      "toString",
      "__proto__",
      "default",
    ]) {
      assert.equal(any[name], undefined, String(name));
    }
    assert.equal(await heavy, heavy);
    assert.equal(JSON.stringify(heavy), "{}");
    assert.deepEqual(Object.keys(heavy), []);
    assert.ok(inspect(heavy).length > 0);
  });

  test("cannot be changed, and say why a body does not run here", () => {
    assert.throws(() => Object.assign(heavy, { add: 1 }), TypeError);
    assert.throws(() => heavy.add.local(1), { code: "ERR_MERINO_ROUTINE_NOT_FOUND" });
  });

  test("refuse what is no module, no name and no option", () => {
    const make = routines as unknown as (...parameters: unknown[]) => Readonly<Record<string, unknown>>;

    assert.throws(() => make("./heavy.ts"), { code: "ERR_MERINO_ROUTINE_DECLARATION" });
    assert.throws(() => make(MODULE, { generators: ["lines"] }), { code: "ERR_MERINO_INVALID_OPTION" });
    assert.throws(() => make(MODULE, { generators: { lines: false } }), {
      code: "ERR_MERINO_INVALID_OPTION",
    });
    assert.throws(() => make(MODULE, { names: [] }), { code: "ERR_MERINO_INVALID_OPTION" });
    assert.throws(() => any["a#b"], { code: "ERR_MERINO_ROUTINE_DECLARATION" });
  });
});
