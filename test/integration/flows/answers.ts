import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { ContextVar, callback, currentTask, routine } from "merino";

/** What the streams of this worker have come to. */
const log: string[] = [];

/** Takes out what has been noted. */
export const noted = routine(async function noted() {
  return log.splice(0);
});

async function* counting<T>(upTo: number, make: (n: number) => T): AsyncGenerator<T, string> {
  try {
    for (let n = 0; n < upTo; n++) {
      log.push(`made ${n}`);
      yield make(n);
    }
    return "last";
  } finally {
    log.push("closed");
  }
}

const same = (n: number): number => n;

/** Counts up. */
export const count = routine(async function count(upTo: number): Promise<AsyncGenerator<number, string>> {
  return counting(upTo, same);
});

/** Counts in buffers. */
export const buffers = routine(async function buffers(upTo: number, bytes: number) {
  return counting(upTo, (n) => new Uint8Array(bytes).fill(n));
});

/** Several streams beside other values. */
export const several = routine(async function several(upTo: number) {
  return { title: "numbers", parts: [counting(upTo, same), counting(upTo, (n) => n * 10)] };
});

/** One stream in two places. */
export const twice = routine(async function twice() {
  const items = counting(2, same);
  return [items, items];
});

/** A stream of the web. */
export const web = routine(async function web(upTo: number) {
  let n = 0;
  return new ReadableStream<number>(
    {
      pull(controller) {
        if (n === upTo) controller.close();
        else controller.enqueue(n++);
      },
      cancel: (reason) => void log.push(`cancelled: ${String((reason as Error)?.message)}`),
    },
    { highWaterMark: 0 },
  );
});

/** A stream of Node. */
export const node = routine(async function node(items: string[]): Promise<AsyncIterable<string>> {
  const readable = Readable.from(items);
  readable.once("close", () => log.push("destroyed"));
  return readable;
});

/** Fails after so many items. */
export const failing = routine(async function failing(after: number) {
  return counting(after + 1, (n) => {
    if (n === after) throw new RangeError(`no ${n}`);
    return n;
  });
});

/** Has an item that cannot be sent. */
export const unsendable = routine(async function unsendable() {
  return counting(3, (n) => (n === 1 ? { f: () => {} } : n));
});

/** An item, and then none, unless its signal fires. */
export const silent = routine(async function silent(): Promise<AsyncIterable<number>> {
  const { signal } = currentTask() ?? {};
  return (async function* () {
    try {
      yield 1;
      await pause(600_000, undefined, { ref: false, ...(signal !== undefined && { signal }) });
    } finally {
      log.push(`silent closed, ${signal?.aborted === true ? "aborted" : "not aborted"}`);
    }
  })();
});

/** Gives back what it was given, each item doubled. */
export const doubled = routine(async function doubled(items: AsyncIterable<number>) {
  return (async function* () {
    for await (const item of items) yield item * 2;
  })();
});

/** Gives back what it was given, as it is. */
export const back = routine(async function back(items: unknown) {
  return items;
});

/** Passes on the stream of another routine. */
export const relayed = routine(async function relayed(upTo: number) {
  return await count(upTo);
});

/** Its process ends once so many items have been made. */
export const dying = routine(async function dying(after: number): Promise<AsyncIterable<number>> {
  return counting(after + 1, (n) => {
    if (n === after) process.kill(process.pid, "SIGKILL");
    return n;
  });
});

/** What only arguments may have. */
export const refused = routine(async function refused(kind: "callback" | "writable" | "generator") {
  if (kind === "callback") return { fn: callback(() => {}) };
  if (kind === "writable") return [new WritableStream()];
  return (function* () {
    yield 1;
  })();
});

/** Has a stream, and what cannot be sent. */
export const halfSendable = routine(async function halfSendable() {
  return { items: counting(3, same), f: () => {} };
});

/** May run twice. */
export const again = routine(
  async function again() {
    return counting(3, same);
  },
  { idempotent: true, retry: { attempts: 2 } },
);

export const language = new ContextVar<string>("language", { default: "en" });

/** Which language the body and each item are in. */
export const languages = routine(async function languages() {
  const seen = language.get();
  language.set("fr");
  return (async function* () {
    yield seen;
    yield language.get();
    yield currentTask()?.tag;
  })();
});
