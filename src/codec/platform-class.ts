/**
 * Recognises the classes of the language, the platform and Node's modules, whose instances hold what no field
 * shows, and says what to send in place of an instance. Runs when a class is registered or a value refused,
 * never on the way of a value that travels.
 */
import { builtinModules } from "node:module";
import { inheritsFromError, intrinsicName } from "./brands.ts";

/** A class of the platform that a prototype belongs to, or is below of. */
export interface PlatformClass {
  readonly name: string;
  /** Whether it is the prototype's own class, not one that its class extends. */
  readonly exact: boolean;
  /** What to do instead, a clause. */
  readonly advice: string;
}

const ELSEWHERE = "send the data from which one can be made there";

/** What to send in place of an instance, by the name of its class or of one that it extends. */
const ADVICE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    Headers: "send [...headers]",
    Request:
      "send its method, its url, [...request.headers] and, if it has a body, await request.arrayBuffer()",
    Response:
      "send its status, [...response.headers] and what it holds: await response.json(), text() or arrayBuffer()",
    File: "send await file.arrayBuffer(), its name and its type",
    Blob: "send await blob.arrayBuffer() and its type",
    FormData: "send [...formData], with the content of files in place of the files",
    URLSearchParams: "send String(params)",
    URL: "send url.href",
    Url: "send url.href",
    BigIntStats: "send what is needed of it, such as stats.size and stats.isDirectory()",
    RecordableHistogram: "send histogram.toJSON()",
    ELDHistogram: "send histogram.toJSON()",
    Stats: "send what is needed of it, such as stats.size and stats.isDirectory()",
    CryptoKey: 'send await crypto.subtle.exportKey("jwk", key)',
    KeyObject: 'send key.export({ format: "jwk" })',
    X509Certificate: "send certificate.raw",
    WeakMap: "weak collections cannot be listed: send a Map",
    WeakSet: "weak collections cannot be listed: send a Set",
    WeakRef: "send what it refers to",
    Promise: "await it and send the value",
    Map: "send [...map], or a Map",
    Set: "send [...set], or a Set",
    Array: "send [...array]",
    Date: "send date.getTime()",
    RegExp: "send its source and flags",
    Module: "send the bytes that it was compiled from",
    Memory: "send a copy of what is needed of memory.buffer",
    Instance: "send the bytes that its module was compiled from",
    AbortController: "send its signal",
    AbortSignal: "send the signal itself",
    MessagePort: "it works in this process only: send values through arguments, results and generators",
    MessageChannel: "it works in this process only: send values through arguments, results and generators",
    BroadcastChannel: "it works in this process only: open one there",
    Worker: "it belongs to this process: send what it is to work on",
    Event: "send its type and what it carries",
    EventTarget: "its listeners are functions: send the data that it holds",
    EventEmitter: "its listeners are functions: send the data that it holds",
    ReadableStream: "it lives where it was opened: send its content, or yield it from a generator",
    Readable: "it lives where it was opened: send its content, or yield it from a generator",
    Stream: "it lives where it was opened: send its content",
    WritableStream: "it lives where it was opened: send what it is to write",
    TransformStream: "it lives where it was opened: send its content",
    FileHandle: "it is open in this process only: send the path",
    Dir: "it is open in this process only: send dir.path",
    Dirent: "send dirent.parentPath, dirent.name and what it is, such as dirent.isDirectory()",
    Timeout: "send how long to wait",
    Immediate: "make one there",
    Histogram: "send histogram.toJSON()",
    Hash: "send its digest",
    TextDecoder: "make one there",
    TextEncoder: "make one there",
    ...byName(
      ["NumberFormat", "DateTimeFormat", "Collator", "PluralRules", "ListFormat", "RelativeTimeFormat"],
      "send formatter.resolvedOptions() and make one there",
    ),
    ...byName(["DisplayNames", "Segmenter", "DurationFormat"], "send resolvedOptions() and make one there"),
    Locale: "send String(locale)",
    ...byName(
      ["Instant", "ZonedDateTime", "PlainDate", "PlainTime", "PlainDateTime", "PlainYearMonth"],
      "send String(value) and give it to from() there",
    ),
    ...byName(["PlainMonthDay", "Duration"], "send String(value) and give it to from() there"),
  }),
);

/** Classes of the language that are there to be extended: their instances are what their fields show. */
const HOLDS_NOTHING: ReadonlySet<string> = new Set(["Object", "Iterator", "AsyncIterator"]);

/** Classes of Node that some of its versions do not export, so that only their names tell. */
const UNEXPORTED: ReadonlySet<string> = new Set(["FileHandle", "Histogram"]);

/** Classes that no module of Node exports, and whose instances hold what is not in fields: how to get one. */
const HIDDEN: Readonly<Record<string, () => object>> = {
  BigIntStats: () => process.getBuiltinModule("node:fs").statSync(".", { bigint: true }),
  RecordableHistogram: () => process.getBuiltinModule("node:perf_hooks").createHistogram(),
  ELDHistogram: () => process.getBuiltinModule("node:perf_hooks").monitorEventLoopDelay(),
  Timeout: () => {
    const { setTimeout, clearTimeout } = process.getBuiltinModule("node:timers");
    const timer = setTimeout(() => {}, 0);
    clearTimeout(timer);
    return timer;
  },
  Immediate: () => {
    const { setImmediate, clearImmediate } = process.getBuiltinModule("node:timers");
    const timer = setImmediate(() => {});
    clearImmediate(timer);
    return timer;
  },
  Tracing: () => process.getBuiltinModule("node:trace_events").createTracing({ categories: ["node"] }),
  TracingChannel: () => process.getBuiltinModule("node:diagnostics_channel").tracingChannel("merino"),
  AsyncHook: () => process.getBuiltinModule("node:async_hooks").createHook({}),
};

/** The platform's class that holds the content of instances with this prototype, if there is one. */
export function platformClassOf(prototype: object): PlatformClass | undefined {
  const classes = classesOf(prototype);
  const at = classes.findIndex(({ constructor, level }) => isOfPlatform(constructor, level));
  if (at === -1) return undefined;
  const names = classes.map(({ constructor }) => constructor.name);
  const unexported = names.slice(0, at).filter((name) => UNEXPORTED.has(name));
  const advised = [...unexported, ...names.slice(at)].find((name) => ADVICE.has(name));
  return {
    name: names[at] as string,
    exact: at === 0,
    advice: (advised === undefined ? undefined : ADVICE.get(advised)) ?? ELSEWHERE,
  };
}

function classesOf(prototype: object): { readonly constructor: Constructor; readonly level: object }[] {
  const classes: { readonly constructor: Constructor; readonly level: object }[] = [];
  for (
    let level: object | null = prototype;
    level !== null;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    const constructor = Object.getOwnPropertyDescriptor(level, "constructor")?.value as unknown;
    if (typeof constructor === "function") classes.push({ constructor, level });
  }
  return classes;
}

function isOfPlatform(constructor: Constructor, prototype: object): boolean {
  const { name } = constructor;
  if (inheritsFromError(prototype)) {
    // The content of errors travels, except that of the DOM's errors, which is not in fields.
    return (name === "DOMException" || name === "QuotaExceededError") && holds(globalThis, name, prototype);
  }
  const native = intrinsicName(prototype);
  return native !== undefined
    ? !HOLDS_NOTHING.has(native)
    : holds(globalThis, name, prototype) || isExported(name, prototype) || isHidden(name, prototype);
}

function isHidden(name: string, prototype: object): boolean {
  if (!Object.hasOwn(HIDDEN, name)) return false;
  try {
    return Object.getPrototypeOf(HIDDEN[name]?.()) === prototype;
  } catch {
    return false; // none can be made here: a program's own class of that name may be registered
  }
}

type Constructor = { readonly name: string } & object;

/**
 * Whether a module of Node exports the class. Only loaded modules are asked: an instance exists, so its module must
 * be loaded.
 */
function isExported(name: string, prototype: object): boolean {
  const loaded = (process as unknown as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  return builtinModules.some((id) => {
    if (!loaded.includes(`NativeModule ${id}`)) return false;
    const module = process.getBuiltinModule(id) as { readonly prototype?: unknown } | undefined;
    return module !== undefined && (module.prototype === prototype || holds(module, name, prototype));
  });
}

/** Compares prototypes: a module may export a function around the class that only warns that it should not be called. */
function holds(object: object, name: string, prototype: object): boolean {
  const property = Object.getOwnPropertyDescriptor(object, name);
  if (property === undefined) return false;
  try {
    const value: unknown = property.get === undefined ? property.value : property.get.call(object);
    return typeof value === "function" && value.prototype === prototype;
  } catch {
    return false;
  }
}

function byName(names: readonly string[], advice: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, advice]));
}
