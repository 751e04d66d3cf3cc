/** Private state of the instances of a class is found in its text, and nothing else is taken for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { transformSync } from "esbuild";
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import { decode, encode, portable } from "../../../src/codec/portable.ts";
import { privateStateOf } from "../../../src/codec/private-state.ts";
import { references, roundTrip } from "./support.ts";

type Class = new (...parameters: never[]) => object;

function evaluate(source: string): Class {
  return new Function(`${source}; return C;`)() as Class;
}

const WITH: Readonly<Record<string, string>> = {
  "a field": "class C { #x = 1; get x() { return this.#x; } }",
  "a field without a value": "class C { #x }",
  "a field on the same line as others": "class C{a=1;#x;b=2}",
  "a method": "class C { #run() {} }",
  "an asynchronous generator": "class C { async *#run() {} }",
  "a getter": "class C { get #x() { return 1; } }",
  "a setter": "class C { set #x(value) {} }",
  "a field beside a static one": "class C { static #count = 0; #x = 1; }",
  "a name beyond ASCII": "class C { #größe = 1; }",
  "a name with a dollar": "class C { #$x = 1; }",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
  "a field behind odd text": "class C { a = '}'; b = `${'#no'}`; c = /[#}]/; #x = 1; }",
  "a field in a class with a heritage": "class B {} class C extends B { #x = 1; constructor() { super(); } }",
  "a field and a comment at the end": "class C { #x = 1; // the end\n}",
  "a field in a class expression": "const C = class { #x = 1; };",
};

const WITHOUT: Readonly<Record<string, string>> = {
  nothing: "class C { x = 1; }",
  "a static field": "class C { static #count = 0; static next() { return ++C.#count; } }",
  "a static method": "class C { static async #make() {} }",
  "a static getter on another line": "class C { static\n  get #x() { return 1; } }",
  "a static generator behind a comment": "class C { static /* one */ async // two\n *#x() {} }",
  "a string": "class C { color = '#fff'; }",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
  "a template": "class C { text = `#x ${1} #y`; }",
  "a comment": "class C { /* #x */ a = 1; // #y\n}",
  "a regular expression": "class C { pattern = /#x/; }",
  "a class inside": "class C { make() { return new (class { #x = 1; })(); } }",
  "a function": "function C() { this.x = '#x'; }",
};

for (const [name, source] of Object.entries(WITH)) {
  test(`privateStateOf finds ${name}`, () => {
    assert.match(String(privateStateOf(evaluate(source))), /^#/);
  });
}

for (const [name, source] of Object.entries(WITHOUT)) {
  test(`privateStateOf finds none in a class with ${name}`, () => {
    assert.equal(privateStateOf(evaluate(source)), undefined);
  });
}

test("privateStateOf finds none in a class that uses a private name of a class around it", () => {
  const Inner = evaluate(
    "class O { #x = 1; static Inner = class { read(o) { return o.#x; } } } const C = O.Inner",
  );

  assert.equal(privateStateOf(Inner), undefined);
});

test("privateStateOf finds what esbuild has moved out of a class for an older target", () => {
  const source = "class C { #x = 1; get x() { return this.#x; } }";
  const { code } = transformSync(source, { target: "es2020" });
  assert.ok(!code.includes("#x"));

  assert.match(String(privateStateOf(evaluate(code))), /a compiler has moved/);
});

test("privateStateOf finds what TypeScript has moved out of a class for an older target", () => {
  const source = `
    var _C_x;
    class C { constructor() { _C_x.set(this, 1); } get x() { return _C_x.get(this); } }
    _C_x = new WeakMap();`;

  assert.match(String(privateStateOf(evaluate(source))), /a compiler has moved/);
});

test("portable refuses a class with private state, its own or inherited, unless it says what to send", () => {
  class Secret {
    #x = 1;
    get x(): number {
      return this.#x;
    }
  }
  class Below extends Secret {}
  class SecretError extends Error {
    #x = 1;
    get x(): number {
      return this.#x;
    }
  }
  class Told {
    #x = 5;
    get x(): number {
      return this.#x;
    }
    static [encode](told: Told): unknown {
      return told.#x;
    }
    static [decode](x: number): Told {
      return Object.assign(new Told(), { y: x });
    }
  }

  for (const [Class, message] of [
    [Secret, /'Secret': it has #x, .*static \[encode\] and \[decode\]/],
    [Below, /'Below': it has #x from 'Secret'/],
    [SecretError, /'SecretError': it has #x/],
  ] as const) {
    assert.throws(() => portable(Class), { code: "ERR_MERINO_ROUTINE_DECLARATION", message });
  }
  portable(Told);
  assert.deepEqual({ ...(roundTrip(new Told()) as object) }, { y: 5 });
});

test("portable refuses a decorated class with private state once the class is complete", () => {
  assert.throws(() => {
    @portable
    class Decorated {
      #x = 1;
      get x(): number {
        return this.#x;
      }
    }
    return Decorated;
  }, /Decorated.*static \[encode\] and \[decode\]/);

  @portable
  class Fine extends Map<string, number> {
    #x = 1;
    static [encode] = (fine: Fine): unknown => [...fine, ["x", fine.#x]];
    static [decode] = (entries: [string, number][]): Fine => new Fine(entries);
  }
  assert.equal((roundTrip(new Fine([["a", 2]])) as Fine).get("x"), 1);
});

test("the refusal of an instance with private state says that its class needs more than registration", () => {
  class Secret {
    #x = 1;
    get x(): number {
      return this.#x;
    }
  }

  assert.throws(() => encodeValue([new Secret()], { root: "args", references }), {
    path: "args[0]",
    message: /static \[encode\] and \[decode\], since it has #x, and call portable\(Secret\)/,
  });
});
