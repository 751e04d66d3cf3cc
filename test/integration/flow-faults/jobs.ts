/** Bodies that read, give, call and write, until something happens to them. */
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { type Callback, routine } from "merino";

/** What happens in a body, with which item: that it fails, its worker ends at once, or it never gives its thread back. */
export interface BodyFault {
  readonly what: "none" | "throw" | "die" | "block";
  readonly at: number;
}

/** Of the bodies and sources of this worker, those that have begun and have not ended. */
let open = 0;

/** How many bodies and sources there are on the worker, beside this one. */
export const openOnes = routine(function openOnes(): number {
  return open;
});

function strike({ what, at }: BodyFault, item: number): void {
  if (item !== at) return;
  if (what === "throw") throw new RangeError("a fault");
  if (what === "die") {
    if (!isMainThread) process.exit(1); // the worker's own thread
    process.kill(process.pid, "SIGKILL");
  }
  while (what === "block");
}

async function within<T>(body: () => Promise<T>): Promise<T> {
  open += 1;
  try {
    return await body();
  } finally {
    open -= 1;
  }
}

async function* passing(items: AsyncIterable<number>, fault: BodyFault): AsyncGenerator<number, void, void> {
  open += 1;
  try {
    let count = 0;
    for await (const item of items) {
      strike(fault, count++);
      yield item;
    }
  } finally {
    open -= 1;
  }
}

async function* upTo(count: number): AsyncGenerator<number, void, void> {
  for (let n = 0; n < count; n++) yield n;
}

export const take = routine(async function take(items: AsyncIterable<number>, fault: BodyFault) {
  let total = 0;
  for await (const item of passing(items, fault)) total += item;
  return total;
});

export const map = routine(async function* map(items: AsyncIterable<number>, fault: BodyFault) {
  yield* passing(items, fault);
});

export const give = routine(async function give(count: number, fault: BodyFault) {
  return { title: "numbers", items: passing(upTo(count), fault) };
});

/** The stream of its answer reads the one of its arguments. */
export const mapBack = routine(async function mapBack(items: AsyncIterable<number>, fault: BodyFault) {
  return passing(items, fault);
});

export const tell = routine(function tell(
  told: Callback<[number]>,
  count: number,
  awaited: boolean,
  fault: BodyFault,
): Promise<number> {
  return within(async () => {
    const answers: Promise<unknown>[] = [];
    for (let n = 0; n < count; n++) {
      strike(fault, n);
      const answer = told(n);
      if (awaited) await answer;
      else answers.push(answer);
    }
    await Promise.all(answers);
    return count;
  });
});

export const write = routine(function write(
  into: WritableStream<number>,
  count: number,
  fault: BodyFault,
): Promise<number> {
  return within(async () => {
    const writer = into.getWriter();
    for (let n = 0; n < count; n++) {
      strike(fault, n);
      await writer.write(n);
    }
    await writer.close();
    return count;
  });
});

/** Passes on what it has got, to a body on whichever worker, and gives what that has given. */
export const relay = routine(async function relay(
  items: AsyncIterable<number>,
  told: Callback<[number]>,
  faults: readonly BodyFault[],
) {
  const [here, there] = faults as readonly [BodyFault, BodyFault];
  return await sumAndTell(passing(items, here), told, there);
});

export const sumAndTell = routine(async function sumAndTell(
  items: AsyncIterable<number>,
  told: Callback<[number]>,
  fault: BodyFault,
) {
  let total = 0;
  for await (const item of passing(items, fault)) {
    total += item;
    await told(total);
  }
  return total;
});
