/** The objects of the platform that are copied to workers of all kinds: part of the record in `kinds.ts`. */
import type { Kind } from "./kind.ts";

const COPIED = { thread: "copied", process: "copied", kept: true } as const;

const entries = (value: Iterable<unknown>): unknown => [value.constructor.name, ...value];

const FORM_ROW = "`FormData`, with files in it";
const WEB_ROW = "`URLSearchParams`, `Headers`";
const BODY_ROW = "`Request`, `Response`, the body as a stream";
const INTL_ROW = "objects of `Intl`";
const TEMPORAL_ROW = "objects of `Temporal`, where the platform has it";

const headers = (): Headers => {
  const made = new Headers({ b: "2", "Content-Type": "text/plain" });
  for (const [name, value] of [
    ["A", "1"],
    ["a", "2"],
    ["set-cookie", "x=1"],
    ["set-cookie", "y=2"],
  ] as const)
    made.append(name, value);
  return made;
};

const form = (): FormData => {
  const made = new FormData();
  made.append("text", "\u00e9\n");
  made.append("file", new File(["content"], "a.txt", { type: "text/plain", lastModified: 5 }));
  made.append("text", "second");
  made.append("empty", new Blob([]), "empty.bin");
  return made;
};

const lookAtForm = (made: FormData): unknown =>
  Promise.all(
    [...made].map(async ([name, value]) =>
      typeof value === "string"
        ? [name, value]
        : [name, value.constructor.name, value.name, value.type, await value.text()],
    ),
  );

/** Of a copy, since a body can be read once. */
const lookAtResponse = async (response: Response): Promise<unknown> => {
  const { status, statusText, url, type, redirected, headers: sent } = response;
  const text = response.body === null ? null : await response.clone().text();
  return [response.constructor.name, status, statusText, url, type, redirected, [...sent], text];
};

const lookAtRequest = async (request: Request): Promise<unknown> => {
  const { method, url, mode, redirect, referrer, credentials, headers: sent } = request;
  const { cache } = request as { readonly cache?: string };
  const text = request.body === null ? null : await request.clone().text();
  return [
    request.constructor.name,
    method,
    url,
    cache,
    mode,
    redirect,
    referrer,
    credentials,
    [...sent],
    text,
  ];
};

const webKinds: readonly Kind[] = [
  { name: WEB_ROW, make: () => new URLSearchParams("b=1&a=%20+2&b=3&\u00e9="), ...COPIED, look: entries },
  { name: WEB_ROW, make: headers, ...COPIED, look: entries },
  { name: WEB_ROW, make: () => new Headers(), ...COPIED, look: entries },
  { name: FORM_ROW, make: form, ...COPIED, look: lookAtForm },
  { name: FORM_ROW, make: () => new FormData(), ...COPIED, look: lookAtForm },
  {
    name: BODY_ROW,
    make: () => new Response("body".repeat(50_000), { status: 201, statusText: "Made", headers: headers() }),
    ...COPIED,
    kept: false,
    streams: true,
    look: lookAtResponse,
  },
  { name: BODY_ROW, make: () => new Response(null, { status: 204 }), ...COPIED, look: lookAtResponse },
  { name: BODY_ROW, make: () => Response.error(), ...COPIED, look: lookAtResponse },
  {
    name: BODY_ROW,
    make: () => Object.defineProperty(Response.json({ a: 1 }), "url", { value: "http://a/" }),
    ...COPIED,
    kept: false,
    streams: true,
    look: lookAtResponse,
  },
  {
    name: BODY_ROW,
    make: () =>
      new Request("http://a/b?c#d", {
        method: "POST",
        body: "text",
        headers: headers(),
        redirect: "manual",
        ...{ cache: "no-store" }, // which the types of Node lack
      }),
    ...COPIED,
    kept: false,
    streams: true,
    look: lookAtRequest,
  },
  { name: BODY_ROW, make: () => new Request("http://a/"), ...COPIED, look: lookAtRequest },
];

type Made = { resolvedOptions(): object };

const intl = <T extends Made>(make: () => T, use: (made: T) => unknown): Kind => ({
  name: INTL_ROW,
  make,
  ...COPIED,
  look: (made: T) => [Object.prototype.toString.call(made), made.resolvedOptions(), use(made)],
});

const intlKinds: readonly Kind[] = [
  intl(
    () => new Intl.NumberFormat("de-DE", { style: "currency", currency: "EUR" }),
    (made) => made.format(-1234.5),
  ),
  intl(
    () => new Intl.DateTimeFormat("ja", { dateStyle: "full", timeStyle: "long", timeZone: "Asia/Tokyo" }),
    (made) => made.format(0),
  ),
  intl(
    () => new Intl.Collator("sv", { numeric: true, sensitivity: "base" }),
    (made) => ["z", "\u00e4", "10", "2"].sort(made.compare),
  ),
  intl(
    () => new Intl.PluralRules("ar", { type: "ordinal" }),
    (made) => made.select(3),
  ),
  intl(
    () => new Intl.RelativeTimeFormat("fr", { numeric: "auto" }),
    (made) => made.format(-1, "day"),
  ),
  intl(
    () => new Intl.ListFormat("es", { type: "disjunction" }),
    (made) => made.format(["a", "b"]),
  ),
  intl(
    () => new Intl.DisplayNames("de", { type: "region" }),
    (made) => made.of("US"),
  ),
  intl(
    () => new Intl.Segmenter("ja", { granularity: "word" }),
    (made) => [...made.segment("\u6771\u4eac\u3068")].length,
  ),
  {
    name: INTL_ROW,
    make: () => new Intl.Locale("de-u-ca-buddhist-kn"),
    ...COPIED,
    look: (locale: Intl.Locale) => [String(locale), locale.calendar, locale.numeric],
  },
];

type TemporalClass = { from(text: string): object };
const { Temporal } = globalThis as { readonly Temporal?: Readonly<Record<string, TemporalClass>> };

const TEMPORAL_TEXTS = {
  Instant: "2026-11-30T18:51:43.123456789Z",
  ZonedDateTime: "1970-01-01T00:00:00.000000001[Africa/Monrovia][u-ca=hebrew]",
  PlainDate: "2026-11-30[u-ca=gregory]",
  PlainTime: "18:51:43.123456789",
  PlainDateTime: "2026-11-30T18:51:43",
  PlainYearMonth: "2026-11",
  PlainMonthDay: "11-30",
  Duration: "P1Y2M3DT4H0.5S",
};

const temporalKinds: readonly Kind[] = Object.entries(TEMPORAL_TEXTS).flatMap(([name, text]) => {
  const Class = Temporal?.[name];
  if (Class === undefined) return [];
  return {
    name: TEMPORAL_ROW,
    make: () => Class.from(text),
    ...COPIED,
    look: (made: object) => [Object.prototype.toString.call(made), String(made)],
  };
});

/** Their rows. */
export const PLATFORM_KINDS: readonly Kind[] = [...webKinds, ...intlKinds, ...temporalKinds];

/** The rows of those that this version of Node may not have. */
export const OPTIONAL_ROWS: readonly string[] = [`| ${TEMPORAL_ROW} | copied | copied | copied |`];
