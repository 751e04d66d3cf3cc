/** Registration of portable classes: identity, refusals. What may share an identity is tested in `routine/declaration.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { decode, encode, portable } from "../../../src/codec/portable.ts";
import {
  portableByConstructor,
  portableById,
  portableByPrototype,
} from "../../../src/codec/portable-registry.ts";
import { Point } from "./awkward-classes.ts";

const here = "merino/test/unit/codec/portable.test.ts";
const declarationError = { code: "ERR_MERINO_ROUTINE_DECLARATION" };

@portable
class Decorated {
  a = 1;
}

test("portable names a class by the module that declares it", () => {
  const registered = portableByConstructor(Point);

  assert.equal(registered?.id, "merino/test/unit/codec/awkward-classes.ts#Point");
  assert.equal(registered?.constructor, Point);
});

test("portable returns the class and works as a decorator", () => {
  const Named = class Named {};

  assert.equal(portable(Named), Named);
  assert.equal(portableByConstructor(Decorated)?.id, `${here}#Decorated`);
});

test("portable takes the name, the module and the whole identity from its options", () => {
  class One {}
  class Two {}
  class Three {}
  portable(One, { name: "Uno" });
  portable(Two, {
    module: new URL(
      "./awkward-classes.ts",
      pathToFileURL(import.meta.filename ?? new URL(import.meta.url).pathname),
    ),
  });
  portable(Three, { id: "elsewhere#Three" });

  assert.equal(portableByConstructor(One)?.id, `${here}#Uno`);
  assert.equal(portableByConstructor(Two)?.id, "merino/test/unit/codec/awkward-classes.ts#Two");
  assert.equal(portableByConstructor(Three)?.id, "elsewhere#Three");
});

test("portable finds a class by identity, by constructor and by its exact prototype", () => {
  class Exact {}
  class Below extends Exact {}
  portable(Exact);

  assert.equal(portableById(`${here}#Exact`)?.constructor, Exact);
  assert.equal(portableByPrototype(Exact.prototype)?.constructor, Exact);
  assert.equal(portableByPrototype(Below.prototype), undefined);
  assert.equal(portableByConstructor(Below), undefined);
});

test("portable refuses a class without a name", () => {
  assert.throws(() => portable(class {}), declarationError);
  for (const junk of [null, "Point", {}]) assert.throws(() => portable(junk as never), declarationError);
});

test("portable refuses a function that makes no objects", () => {
  const method = { run() {} }.run;

  for (const junk of [() => {}, method, async () => {}, Math.max]) {
    assert.throws(() => portable(junk as never), declarationError);
  }
});

test("portable refuses options that do not exist or have a wrong type, with those that do exist", () => {
  class Optional {}

  for (const [options, option] of [
    [{ nam: "x" }, "nam"],
    [{ timeOut: 10 }, "timeOut"],
    [{ name: "" }, "name"],
    [{ name: 5 }, "name"],
    [{ id: 5 }, "id"],
    [null, "options"],
  ] as const) {
    assert.throws(() => portable(Optional, options as never), { code: "ERR_MERINO_INVALID_OPTION", option });
  }
  assert.throws(() => portable(Optional, { nam: "x" } as never), /name, module, id/);
  assert.throws(() => portable(Optional, { id: "../escape#Optional" }), declarationError);
  assert.equal(portable(Optional, { name: undefined } as never), Optional);
});

test("portable says that it marks classes when it is used as a decorator of a member", () => {
  const context = { kind: "method", name: "run", addInitializer() {} };
  const legacy = [{}, "run", { value() {} }] as const;
  class Static {}

  assert.throws(() => portable(async function run() {} as never, context as never), {
    ...declarationError,
    message: /marks classes only; a method is made a routine by @routine/,
  });
  assert.throws(() => (portable as (...parameters: unknown[]) => unknown)(...legacy), {
    ...declarationError,
    message: /decorator of the member 'run' and marks classes only/,
  });
  assert.throws(() => (portable as (...parameters: unknown[]) => unknown)(Static, "run", {}), {
    ...declarationError,
    message: /a name is given as \{ name: "run" \}, and as a decorator it marks classes only/,
  });
});

test("portable works as a decorator of the older kind", () => {
  class Legacy {
    a = 1;
  }

  // As compilers with `experimentalDecorators` call it.
  const Decorated = portable(Legacy);

  assert.equal(Decorated, Legacy);
  assert.equal(portableByConstructor(Legacy)?.id, `${here}#Legacy`);
});

test("portable refuses a class on top of a built-in one, unless it says what to send", () => {
  class Plain extends Map {}
  class Hooked extends Map {
    static [encode](map: Hooked): unknown {
      return [...map];
    }
    static [decode](): Hooked {
      return new Hooked();
    }
  }

  assert.throws(() => portable(Plain), declarationError);
  assert.equal(portable(Hooked), Hooked);
});

test("portable refuses, at first use, a class that has only one of the two methods", () => {
  class Half {
    static [encode](): unknown {
      return 1;
    }
  }
  portable(Half);

  assert.throws(() => portableByConstructor(Half)?.encode, declarationError);
});

test("portable sees hooks that are static fields of a decorated class", () => {
  @portable
  class Late {
    static [encode] = (): unknown => 5;
    static [decode] = (value: unknown): Late => Object.assign(new Late(), { value });
  }

  assert.equal(portableByConstructor(Late)?.encode?.(new Late()), 5);
});

test("portable keeps its registry where a second copy of the package finds it", async () => {
  const copy = `${new URL("../../../src/codec/portable-registry.ts", import.meta.url).href}?copy`;
  const second = (await import(copy)) as { portableById: typeof portableById };

  assert.equal(second.portableById(`${here}#Decorated`)?.constructor, Decorated);
});
