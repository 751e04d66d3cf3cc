/** Payloads of the value format, written token by token: of every kind, and not always right. */
import { hashInt32 } from "../../../src/codec/budget/key-chains.ts";
import { Extension } from "../../../src/codec/format.ts";
import { Random } from "../random.ts";
import { arrayHead, extension, float64, head, mapHead, textToken, uint } from "./value-tokens.ts";

function int64(random: Random): Buffer {
  return head(random.pick([0xcf, 0xd3]), random.bytes(8));
}

const TEXTS = [
  "",
  "a",
  "id",
  "toString",
  "__proto__",
  "length",
  "7",
  "4294967294",
  "é",
  "\ufffd",
  "a:b",
  "x".repeat(40),
];

function text(random: Random): string {
  if (random.oneIn(2)) return random.pick(TEXTS);
  return random.below(36 ** 4).toString(36);
}

/** A scalar. */
function scalar(random: Random): Buffer {
  switch (random.below(12)) {
    case 0:
      return Buffer.of(random.pick([0xc0, 0xc2, 0xc3]));
    case 1:
      return head(0xcc, random.bytes(1));
    case 2:
      return head(0xcd, random.bytes(2));
    case 3:
      return head(random.pick([0xce, 0xd2, 0xca]), random.bytes(4));
    case 4:
      return float64(random.below(1000) / 8);
    case 5:
      return int64(random);
    case 6:
      return extension(
        Extension.BIGINT,
        Buffer.concat([Buffer.of(random.below(2)), random.bytes(1 + random.small(20))]),
      );
    case 7:
    case 8:
      return textToken(text(random));
    case 9:
      return extension(Extension.UNDEFINED, Buffer.of(0));
    default:
      return Buffer.of(random.below(0x80));
  }
}

type Make = (random: Random, depth: number) => Buffer;

function repeat(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
}

function fields(random: Random, depth: number): Buffer {
  const count = random.oneIn(30) ? 30 + random.below(10) : random.small(6);
  return Buffer.concat([
    mapHead(count),
    repeat(count, () => Buffer.concat([textToken(text(random)), anyValue(random, depth + 1)])),
  ]);
}

const ERROR_NAMES = [
  "Error",
  "TypeError",
  "DOMException",
  "AggregateError",
  "QuotaExceededError",
  "TimeoutError",
  "X",
  "",
];

function error(random: Random, depth: number): Buffer {
  const origin = random.below(5);
  const optional = (): Buffer => (random.oneIn(2) ? Buffer.of(0xc0) : textToken(text(random)));
  return Buffer.concat([
    Buffer.of(origin),
    textToken(random.pick(ERROR_NAMES)),
    optional(),
    optional(),
    optional(),
    fields(random, depth),
    origin === 3 ? Buffer.alloc(0) : fields(random, depth),
  ]);
}

const EXTENSIONS: readonly (readonly [type: number, body: Make])[] = [
  [Extension.REFERENCE, (random) => Buffer.of(random.small(20))],
  [Extension.UTF16, (random) => random.bytes(2 * random.pick([random.small(6), 60 + random.small(9)]))],
  [Extension.LATIN1, (random) => random.bytes(60 + random.small(9))],
  [Extension.DATE, (random) => random.bytes(8)],
  [
    Extension.REGEXP,
    (random) =>
      Buffer.concat([
        textToken(random.pick(["a+", "(a|b)*c", "[", "\\p{L}", "(?<n>x)", "a{2,9}", text(random)])),
        textToken(random.pick(["", "g", "u", "giu", "gg", "v"])),
        Buffer.of(random.below(0x80)),
      ]),
  ],
  [
    Extension.MAP,
    (random, depth) =>
      repeat(random.small(5), () =>
        Buffer.concat([anyValue(random, depth + 1), anyValue(random, depth + 1)]),
      ),
  ],
  [Extension.SET, (random, depth) => repeat(random.small(5), () => anyValue(random, depth + 1))],
  [Extension.HOLES, (random) => Buffer.of(random.small(255))],
  [
    Extension.ARRAY_WITH_FIELDS,
    (random, depth) =>
      Buffer.concat([
        array(random, depth),
        repeat(random.small(3), () => Buffer.concat([textToken(text(random)), anyValue(random, depth + 1)])),
      ]),
  ],
  [Extension.NULL_OBJECT, fields],
  [Extension.BUFFER, (random) => random.bytes(random.small(70))],
  [Extension.VIEW_BYTES, (random) => head(random.below(15), random.bytes(8 * random.small(9)))],
  [
    Extension.VIEW,
    (random, depth) =>
      Buffer.concat([
        Buffer.of(random.below(14), 8 * random.small(2), 8 * random.small(2)),
        random.oneIn(4) ? anyValue(random, depth) : extension(Extension.BUFFER, random.bytes(32)),
      ]),
  ],
  [Extension.PART, (random) => Buffer.of(random.small(4))],
  [Extension.VIEW_PART, (random) => head(random.below(14), uint(random.small(4), 4))],
  [Extension.BOXED, (random, depth) => anyValue(random, depth + 1)],
  [
    Extension.URL,
    (random) => textToken(random.pick(["http://é.é/a?b#c", "a:b", "http://[::1]:80", "", "x://y/../.."])),
  ],
  [Extension.URL_SEARCH_PARAMS, (random) => textToken(random.pick(["a=b&c", "", "%00%zz", "a&a&a"]))],
  [Extension.ERROR, error],
  [
    Extension.INSTANCE,
    (random, depth) =>
      Buffer.concat([random.oneIn(2) ? Buffer.of(0) : textToken("a.ts#A"), fields(random, depth)]),
  ],
  [Extension.CLASS, (random) => (random.oneIn(2) ? Buffer.of(0) : textToken("a.ts#A"))],
  [
    Extension.ROUTINE,
    (random) =>
      Buffer.concat([
        identity(random),
        random.oneIn(2) ? Buffer.of(0xc0) : textToken("file:///a.ts"),
        Buffer.of(0xc2 + random.below(2)),
      ]),
  ],
  [
    Extension.TAINTED_ROUTINE,
    (random) => Buffer.concat([identity(random), Buffer.of(0xc2 + random.below(2))]),
  ],
  [Extension.SIGNAL, (random) => Buffer.of(random.small(9))],
  [Extension.FLOW, (random) => Buffer.of(random.below(5), random.small(9))],
  [Extension.HEADERS, (random) => headers(random).subarray(-random.small(30))],
  [
    Extension.FORM_DATA,
    (random) =>
      repeat(random.small(4), () =>
        Buffer.concat([textToken(text(random)), random.oneIn(2) ? blob(random) : textToken(text(random))]),
      ),
  ],
  [
    Extension.REQUEST,
    (random) =>
      Buffer.concat([
        oneOf(random, ["GET", "POST", "CONNECT", "a b"]),
        oneOf(random, ["http://a/", "a:b", "/a", "http://u:p@a"]),
        headers(random),
        bodyOf(random),
        random.oneIn(2) ? Buffer.of(0xc0) : extension(Extension.SIGNAL, Buffer.of(random.small(9))),
        repeat(random.small(2), () =>
          Buffer.concat([oneOf(random, ["mode", "cache", "keepalive", "body"]), scalar(random)]),
        ),
      ]),
  ],
  [
    Extension.RESPONSE,
    (random) =>
      Buffer.concat([
        head(0xcd, uint(random.pick([99, 200, 204, 304, 599, 600]), 2)),
        oneOf(random, ["", "OK", "a\r\nb"]),
        headers(random),
        bodyOf(random),
        oneOf(random, ["", "http://a/"]),
        oneOf(random, ["default", "basic", "error"]),
        Buffer.of(0xc2 + random.below(2)),
      ]),
  ],
  [Extension.BLOB, (random) => blob(random).subarray(6)],
  [Extension.INTL, intl],
  [
    Extension.TEMPORAL,
    (random) =>
      Buffer.concat([
        Buffer.of(random.below(9)),
        random.oneIn(2) ? oneOf(random, ["2026-11-30", "PT1S", "12:00"]) : repeat(10, () => scalar(random)),
      ]),
  ],
  [
    Extension.CLASS_OF_COPY,
    () => Buffer.concat([textToken("a#A"), textToken("/node_modules/a"), textToken("1")]),
  ],
];

/** Text tokens picked from a list, or any text. */
function oneOf(random: Random, texts: readonly string[]): Buffer {
  return textToken(random.oneIn(6) ? text(random) : random.pick(texts));
}

const HEADER_NAMES = ["a", "set-cookie", "content-type", "", "a b", "a\r\nb"];
const HEADER_VALUES = ["", "text/plain", "x=1", "a\r\nb", "\u20ac", " a "];

function headers(random: Random): Buffer {
  const entry = (): Buffer => Buffer.concat([oneOf(random, HEADER_NAMES), oneOf(random, HEADER_VALUES)]);
  return extension(Extension.HEADERS, repeat(random.small(4), entry));
}

/** Nothing, a stream, or what is no body. */
function bodyOf(random: Random): Buffer {
  if (random.oneIn(2)) return Buffer.of(0xc0);
  return random.oneIn(3) ? scalar(random) : extension(Extension.FLOW, Buffer.of(1, random.small(9)));
}

function blob(random: Random): Buffer {
  const contents = [head(0xc4, Buffer.of(2, 1, 2)), extension(Extension.PART, Buffer.of(0)), scalar(random)];
  const file = Buffer.concat([textToken(text(random)), float64(random.below(1000))]);
  const parts = [random.pick(contents), oneOf(random, ["", "text/plain", "\u00e9"])];
  return extension(Extension.BLOB, Buffer.concat(random.oneIn(2) ? parts : [...parts, file]));
}

const LOCALES = [
  "de",
  "en-u-ca-buddhist-nu-thai",
  "zh-u-co-stroke",
  "x",
  "",
  "de-AT-1996",
  "ar-EG-u-nu-latn",
];
const OPTIONS = [
  ["style", "currency"],
  ["currency", "EUR"],
  ["type", "region"],
  ["granularity", "word"],
  ["dateStyle", "full"],
  ["timeZone", "Asia/Tokyo"],
  ["calendar", "chinese"],
  ["numeric", "auto"],
  ["__proto__", "x"],
] as const;

function intl(random: Random): Buffer {
  const option = (): Buffer => Buffer.concat(random.pick(OPTIONS).map((part) => oneOf(random, [part])));
  const count = random.oneIn(50) ? 70 : random.small(4);
  return Buffer.concat([Buffer.of(random.below(11)), oneOf(random, LOCALES), repeat(count, option)]);
}

/** Of a routine: often one that none before had. */
function identity(random: Random): Buffer {
  const odd = random.pick(["a.ts#b", "", "#", text(random)]);
  return textToken(random.oneIn(2) ? odd : `a#${random.below(10_000_000).toString(36)}`);
}

function array(random: Random, depth: number): Buffer {
  const count = random.small(6);
  return Buffer.concat([arrayHead(count), repeat(count, () => anyValue(random, depth + 1))]);
}

/** A value of any kind. */
function anyValue(random: Random, depth = 0): Buffer {
  if (depth > 4 || random.oneIn(3)) return scalar(random);
  switch (random.below(6)) {
    case 0:
    case 1:
      return array(random, depth);
    case 2:
    case 3:
      return fields(random, depth);
    default: {
      const [type, body] = random.pick(EXTENSIONS);
      return extension(type, body(random, depth));
    }
  }
}

/** A payload. */
export function anyPayload(random: Random): Buffer {
  return head(random.oneIn(3) ? 0x09 : 0x08, anyValue(random));
}

const LARGE_BYTES = 65_536;

/** As many items as make the bytes, after a head that says how many there are. */
function fill(
  size: number,
  items: (index: number) => Buffer,
): { readonly count: number; readonly bytes: Buffer } {
  const made: Buffer[] = [];
  for (let length = 0; length < size; ) {
    const item = items(made.length);
    made.push(item);
    length += Math.max(1, item.length);
  }
  return { count: made.length, bytes: Buffer.concat(made) };
}

/** What has been found of the numbers that meet, by the places of the table, so that it is looked for only once. */
const collisions = new Map<number, { readonly found: number[]; next: number }>();

/** Whole numbers that meet in one place of a table of so many places. */
function colliding(places: number): (index: number) => number {
  const search = collisions.get(places) ?? { found: [], next: 0 };
  collisions.set(places, search);
  return (index) => {
    while (search.found.length <= index && search.next < 2 ** 32) {
      if ((hashInt32(search.next) & (places - 1)) === 0) search.found.push(search.next);
      search.next++;
    }
    return search.found[index] ?? 0;
  };
}

/** Keys of a Map, a Set or an object, by their number. */
function keyMaker(random: Random): (index: number) => Buffer {
  const step = 2 ** random.below(18);
  const collide = colliding(2 ** (6 + random.below(7)));
  const kinds: readonly ((index: number) => Buffer)[] = [
    (index) => head(0xce, uint(index * step, 4)),
    (index) => head(0xce, uint(collide(index), 4)),
    (index) => float64(index * step + 0.5),
    (index) => float64(index * step * 2 ** 32),
    (index) => head(0xd3, Buffer.concat([uint(index * step, 4), uint(0, 4)])),
    (index) => extension(Extension.BIGINT, Buffer.concat([Buffer.of(0, 1), uint(index, 4), Buffer.alloc(8)])),
    (index) => textToken(String((index * step) % 4_294_967_291)),
    (index) => textToken(index.toString(36)),
    (index) => textToken(`key ${index}`),
    (index) => textToken(String.fromCodePoint(0x100 + (index % 0xd000))),
    () => Buffer.of(0x80),
    () => Buffer.of(0x90),
  ];
  return random.pick(kinds);
}

/** A payload of 64 KiB or more, most of it of one kind. */
export function largePayload(random: Random): Buffer {
  const size = LARGE_BYTES * 2 ** random.below(4);
  const header = Buffer.of(random.oneIn(4) ? 0x09 : 0x08);
  switch (random.below(8)) {
    case 0: {
      const key = keyMaker(random);
      const { bytes } = fill(size, key);
      return Buffer.concat([header, extension(Extension.SET, bytes)]);
    }
    case 1: {
      const key = keyMaker(random);
      const { bytes } = fill(size, (index) => Buffer.concat([key(index), Buffer.of(0xc0)]));
      return Buffer.concat([header, extension(Extension.MAP, bytes)]);
    }
    case 2: {
      const texts = [
        (index: number): string => index.toString(36),
        (index: number): string => String((index * 1037) % 4_294_967_291),
        (index: number): string => `é${index.toString(36)}`,
        (index: number): string => `${"k".repeat(30)}${index.toString(36)}`,
      ];
      const make = random.pick(texts);
      const { count, bytes } = fill(size, (index) =>
        Buffer.concat([textToken(make(index)), Buffer.of(0xc0)]),
      );
      return Buffer.concat([header, mapHead(count), bytes]);
    }
    case 3: {
      const layers = 1 + random.below(900);
      const layer = random.pick([
        Buffer.of(0x91),
        Buffer.of(0x81, 0xa0),
        Buffer.of(0x92, 0xc0),
        Buffer.of(0x81, 0xa1, 0x61),
      ]);
      const item = Buffer.concat([...Array.from({ length: layers }, () => layer), Buffer.of(0xc0)]);
      const { count, bytes } = fill(size, () => item);
      return Buffer.concat([header, arrayHead(count), bytes]);
    }
    default: {
      // Copies of a few values, or values that are all different.
      const seed = random.below(2 ** 32);
      const different = random.pick([1, 1, 2, 5, 1_000_000]);
      const make = random.oneIn(3) ? oneOfExtension : anyValueWithin;
      // Each is made once: they are the same for the same number.
      const made: Buffer[] = [];
      const { count, bytes } = fill(size, (index) => {
        const number = index % different;
        made[number] ??= make(seed, number);
        return made[number];
      });
      return Buffer.concat([header, arrayHead(count), bytes]);
    }
  }
}

function anyValueWithin(seed: number, index: number): Buffer {
  return anyValue(new Random(seed, index));
}

/** All of one type of extension. */
function oneOfExtension(seed: number, index: number): Buffer {
  const [type, body] = EXTENSIONS[seed % EXTENSIONS.length] as (typeof EXTENSIONS)[number];
  return extension(type, body(new Random(seed, index), 4));
}
