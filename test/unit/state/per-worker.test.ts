/** Declarations of values of workers: their identity, what they refuse, and evaluations that follow one another. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { endLife } from "../../../src/state/life.ts";
import { perWorker } from "../../../src/state/per-worker.ts";
import { resolveWarm } from "../../../src/state/warm-option.ts";
import { allValues, declaredValue, findValue } from "../../../src/state/worker-values.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

const declared = perWorker("declared", () => 1);
const SOURCE = new URL("../../../src/state/per-worker.ts", import.meta.url).href;

describe("perWorker", () => {
  test("has the identity of its module and name, and is found by them", () => {
    const value = declaredValue(declared);
    const [named] = resolveWarm([declared]);
    assert.ok(value !== undefined && named !== undefined);

    assert.equal(declared.name, "declared");
    assert.equal(declared.id, "merino/test/unit/state/per-worker.test.ts#declared");
    assert.equal(findValue(named), value);
    assert.equal(findValue({ id: "declared" }), value);
    assert.equal(findValue({ id: declared.id }), value);
    assert.equal(findValue({ id: "nothing" }), undefined);
    assert.ok(allValues().includes(value));
    assert.equal(declaredValue({ ...declared }), undefined);
  });

  test("refuses a second one of its name in the same evaluation", () => {
    const twice = (): void => {
      for (let count = 0; count < 2; count++) handles.push(perWorker("twice", () => count));
    };
    const handles: object[] = [];

    assert.throws(twice, { code: "ERR_MERINO_ROUTINE_DECLARATION" });
    assert.throws(() => resolveWarm(handles), { code: "ERR_MERINO_ROUTINE_DECLARATION" });
  });

  test("refuses what is no name, no function, no option and no time", () => {
    const any = perWorker as unknown as (...parameters: unknown[]) => unknown;
    const make = (): number => 1;

    for (const parameters of [
      ["", make],
      ["a#b", make],
      [1, make],
      ["name", undefined],
      ["name", make, { dispose: true }],
      ["name", make, { timeout: 0 }],
      ["name", make, { unknown: 1 }],
    ]) {
      assert.throws(() => any(...parameters), { code: "ERR_MERINO_INVALID_OPTION" });
    }
  });

  test("is the only thing that can be warm", () => {
    for (const warm of [declared, [{}], [undefined], ["declared"], [() => declared]]) {
      assert.throws(() => resolveWarm(warm), { code: "ERR_MERINO_INVALID_OPTION" });
    }
    assert.deepEqual(resolveWarm(undefined), []);
  });

  test("disposes of what an earlier evaluation has made before a later one makes its own", async () => {
    using files = temporaryPackage({
      "package.json": '{"name":"evaluated-again","type":"module"}',
      "seen.js": "export const seen = [];",
      "model.js": `
        import { perWorker } from ${JSON.stringify(SOURCE)};
        import { seen } from "./seen.js";
        export const model = perWorker("model", () => { seen.push("make"); return seen; }, {
          dispose: () => seen.push("dispose"),
        });`,
    });
    const url = files.url("model.js");
    const first = await import(`${url}?first`);
    await first.model.get();

    const second = await import(`${url}?second`);
    const [known] = allValues().filter(({ declaration }) => declaration.id === first.model.id);
    const seen: readonly string[] = await second.model.get();

    assert.equal(known, declaredValue(second.model));
    assert.deepEqual(seen, ["make", "dispose", "make"]);
    await endLife();
    assert.deepEqual(seen, ["make", "dispose", "make", "dispose"]);
  });
});
