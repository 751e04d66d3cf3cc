/** Classes of the platform cannot be registered, and the refusal of an instance says what to send instead. */
import assert from "node:assert/strict";
import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { createHash, createSecretKey } from "node:crypto";
import { tracingChannel } from "node:diagnostics_channel";
import { Resolver } from "node:dns";
import { EventEmitter } from "node:events";
import { createReadStream, readdirSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { IncomingMessage } from "node:http";
import { BlockList, Socket } from "node:net";
import { createHistogram } from "node:perf_hooks";
import { PassThrough, Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { test } from "node:test";
import { createTracing } from "node:trace_events";
import { runInNewContext, Script } from "node:vm";
import { createGzip } from "node:zlib";
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import { platformClassOf } from "../../../src/codec/platform-class.ts";
import { decode, encode, portable } from "../../../src/codec/portable.ts";
import { NotSerializableError } from "../../../src/errors/not-serializable-error.ts";
import { references, roundTrip } from "./support.ts";

type Class = new (...parameters: never[]) => object;

const globals = globalThis as unknown as Record<string, Class | undefined> & {
  File: new (parts: unknown[], name: string) => object;
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    Memory: new (limits: { initial: number }) => object;
  };
  Temporal?: Record<string, Class>;
};

function refusal(value: unknown): string {
  try {
    encodeValue({ value }, { root: "result", references });
  } catch (error) {
    assert.ok(error instanceof NotSerializableError);
    assert.equal(error.path, "result.value");
    return error.message;
  }
  return assert.fail("nothing was refused");
}

const wasm = new globals.WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));

/** Instances, each with what its refusal advises. */
const INSTANCES: Readonly<Record<string, [() => unknown, RegExp]>> = {
  Headers: [() => new Headers(), /send \[\.\.\.headers\]/],
  Request: [() => new Request("http://a"), /await request\.arrayBuffer\(\)/],
  Response: [() => new Response("x"), /await response\.json\(\)/],
  Blob: [() => new Blob([]), /await blob\.arrayBuffer\(\)/],
  File: [() => new globals.File([], "x"), /await file\.arrayBuffer\(\)/],
  FormData: [() => new FormData(), /\[\.\.\.formData\]/],
  KeyObject: [() => createSecretKey(Buffer.alloc(8)), /key\.export\(/],
  CryptoKey: [
    () => crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]),
    /exportKey/,
  ],
  NumberFormat: [() => new Intl.NumberFormat(), /resolvedOptions\(\)/],
  Locale: [() => new Intl.Locale("de"), /String\(locale\)/],
  Module: [() => wasm, /bytes that it was compiled from/],
  Memory: [() => new globals.WebAssembly.Memory({ initial: 1 }), /memory\.buffer/],
  WeakMap: [() => new WeakMap(), /send a Map/],
  WeakSet: [() => new WeakSet(), /send a Set/],
  WeakRef: [() => new WeakRef({}), /what it refers to/],
  FinalizationRegistry: [() => new FinalizationRegistry(() => {}), /make one there|can be made there/],
  MessageChannel: [() => new MessageChannel(), /through arguments, results and generators/],
  MessagePort: [() => new MessageChannel().port1, /through arguments, results and generators/],
  EventTarget: [() => new EventTarget(), /the data that it holds/],
  Event: [() => new Event("x"), /its type/],
  EventEmitter: [() => new EventEmitter(), /the data that it holds/],
  AbortController: [() => new AbortController(), /its signal/],
  ReadableStream: [() => new ReadableStream(), /its content/],
  WritableStream: [() => new WritableStream(), /what it is to write/],
  Readable: [() => new Readable(), /its content/],
  ReadStream: [() => createReadStream("/dev/null"), /its content/],
  PassThrough: [() => new PassThrough(), /its content/],
  Gzip: [() => createGzip(), /its content/],
  Socket: [() => new Socket(), /its content/],
  IncomingMessage: [() => new IncomingMessage(new Socket()), /its content/],
  FileHandle: [async () => handle, /the path/],
  Stats: [() => statSync("/"), /stats\.size/],
  BigIntStats: [() => statSync("/", { bigint: true }), /stats\.size/],
  RecordableHistogram: [() => createHistogram(), /histogram\.toJSON\(\)/],
  Dirent: [() => readdirSync("/", { withFileTypes: true })[0], /dirent\.name/],
  Hash: [() => createHash("md5"), /its digest/],
  Script: [() => new Script("1"), /can be made there/],
  AsyncLocalStorage: [() => new AsyncLocalStorage(), /can be made there/],
  StringDecoder: [() => new StringDecoder(), /can be made there/],
  BlockList: [() => new BlockList(), /can be made there/],
  Resolver: [() => new Resolver(), /can be made there/],
  TextDecoder: [() => new TextDecoder(), /make one there/],
  Performance: [() => performance, /the data that it holds/],
};

const handle = await open("/dev/null");

for (const [name, [make, advice]] of Object.entries(INSTANCES)) {
  test(`the refusal of an instance says what to send instead: ${name}`, async () => {
    const message = refusal(await make());

    assert.match(message, advice);
    assert.match(message, new RegExp(`\\b${name}\\b`));
    assert.doesNotMatch(message, /^[^;]*; (?:call|declare)/);
  });

  test(`portable refuses a class of the platform, and one on top of it: ${name}`, async () => {
    const { constructor } = Object.getPrototypeOf(await make()) as { constructor: Class };
    const Below = class Below extends (constructor as Class) {};

    assert.throws(() => portable(Below), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: /extends .*static \[encode\] and \[decode\]/,
    });
    if (platformClassOf(constructor.prototype as object)?.exact !== true) return; // one that Node does not export
    assert.throws(() => portable(constructor), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: advice,
    });
  });
}

test("portable refuses every class of Intl, WebAssembly, Temporal and the global object that holds hidden content", () => {
  const found: [string, unknown][] = [
    ...Object.entries(Object.getOwnPropertyDescriptors(Intl)).map(([name, { value }]) => [name, value]),
    ...Object.entries(Object.getOwnPropertyDescriptors(globals.WebAssembly)).map(([name, p]) => [
      name,
      p.value,
    ]),
    ...Object.entries(Object.getOwnPropertyDescriptors(globals.Temporal ?? {})).map(([name, p]) => [
      name,
      p.value,
    ]),
    ...Object.getOwnPropertyNames(globalThis)
      .filter(
        (name) => /^[A-Z]/.test(name) && !/Error$|^(Object|Proxy|Storage|EventSource|Iterator)$/.test(name),
      )
      .map((name) => [name, globals[name]]),
  ].filter(([name, value]) => typeof value === "function" && !/Error$/.test(name as string)) as [
    string,
    unknown,
  ][];
  assert.ok(found.length > 60);

  for (const [name, value] of found) {
    assert.throws(() => portable(value as Class), { code: "ERR_MERINO_ROUTINE_DECLARATION" }, name);
  }
});

test("portable says of classes of the platform whose instances travel that they need nothing", () => {
  const platform = [
    Array,
    ArrayBuffer,
    BigInt64Array,
    Buffer,
    DataView,
    Date,
    DOMException,
    Map,
    RegExp,
    Set,
  ];

  for (const Class of [...platform, Uint8Array, Uint8ClampedArray, URL, URLSearchParams]) {
    assert.throws(() => portable(Class), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: /its instances travel as they are$/,
    });
  }
  for (const Class of [SharedArrayBuffer, WeakMap]) {
    assert.throws(() => portable(Class), { message: /instead of an instance, / });
  }
});

test("portable takes a class of the platform that says itself what to send", () => {
  class Titles extends Headers {
    static [encode](titles: Titles): unknown {
      return [...titles];
    }
    static [decode](entries: [string, string][]): Titles {
      return new Titles(entries);
    }
  }
  class More extends Titles {
    static override [decode](entries: [string, string][]): More {
      return new More(entries);
    }
  }
  portable(Titles);
  portable(More);

  const [titles, more] = roundTrip([new Titles({ a: "1" }), new More({ b: "2" })]) as [Titles, More];

  assert.ok(titles instanceof Titles && more instanceof More);
  assert.deepEqual([[...titles], [...more]], [[["a", "1"]], [["b", "2"]]]);
});

test("portable refuses classes that no module of Node exports, by an instance", () => {
  const timer = setTimeout(() => {}, 1);
  clearTimeout(timer);
  const immediate = setImmediate(() => {});
  clearImmediate(immediate);
  const instances = [
    timer,
    immediate,
    tracingChannel("merino-test"),
    createTracing({ categories: ["node"] }),
    createHook({}),
  ];

  for (const { constructor } of instances) {
    assert.throws(() => portable(constructor as Class, { id: `unexported#${constructor.name}` }), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: new RegExp(`'${constructor.name}': it belongs to the platform`),
    });
  }
});

test("a class of a program that bears the name of one of the platform is its own", () => {
  class Headers {
    a = 1;
  }
  class Readable {
    b = 2;
  }
  class Timeout {
    c = 3;
  }
  for (const Own of [Headers, Readable, Timeout]) {
    assert.match(refusal(new Own()), new RegExp(`call portable\\(${Own.name}\\)`));
    portable(Own, { id: `platform#${Own.name}` });
    assert.ok(roundTrip(new Own()) instanceof Own);
  }
});

test("portable refuses a class on top of one of another realm, and an error of the DOM", () => {
  const ForeignMap = runInNewContext("class Registry extends Map {}; Registry") as Class;
  class Odd extends DOMException {}
  class Fine extends TypeError {}

  for (const bad of [ForeignMap, Odd]) {
    assert.throws(() => portable(bad, { id: `realm#${bad.name}` }), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
    });
  }
  assert.equal(portable(Fine), Fine);
});

test("portable takes a class on top of Iterator, where there is one, which holds nothing itself", (t) => {
  const { Iterator } = globalThis as unknown as { Iterator?: new () => object };
  if (Iterator === undefined) return t.skip("this version of Node has none");
  class Countdown extends Iterator {
    from = 3;
    next(): IteratorResult<number> {
      return { done: this.from === 0, value: this.from-- };
    }
  }
  portable(Countdown);

  assert.equal((roundTrip(new Countdown()) as Countdown).next().value, 3);
});

test("the refusal of a class itself says whether it can be registered", () => {
  class Stranger {}

  assert.match(refusal(Headers), /class 'Headers' of the platform/);
  assert.match(refusal(Map), /class 'Map' of the platform/);
  assert.match(refusal(Stranger), /call portable\(Stranger\)/);
});

test("the refusal of what belongs to the process names it", () => {
  const timer = setTimeout(() => {}, 1);
  clearTimeout(timer);
  const immediate = setImmediate(() => {});
  clearImmediate(immediate);

  assert.match(refusal(process.env), /process\.env.*\{ \.\.\.process\.env \}/);
  assert.match(refusal(process), /it is process,/);
  assert.match(refusal(console), /it is console,/);
  assert.match(refusal(globalThis), /it is globalThis,/);
  assert.match(refusal(timer), /a timer/);
  assert.match(refusal(immediate), /a timer/);
  assert.match(refusal(createHistogram()), /histogram|RecordableHistogram/);
});

test("the refusal of an instance of one's own class on top of the platform's names both ways out", () => {
  class Registry extends Map {}

  assert.match(
    refusal(new Registry()),
    /extends Map.*send \[\.\.\.map\].*static \[encode\] and \[decode\].*portable\(Registry\)/,
  );
});
