/** Whose turn it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PriorityQueue } from "../../../../src/internal/queue/priority-queue.ts";
import { FairQueue, type Readable } from "../../../../src/worker/queue/fair-queue.ts";

const MIB = 1024 * 1024;

interface Value extends Readable {
  readonly source: string;
  readonly tookMs: number;
}

function value(source: string, tookMs: number, { priority = 0, unreadBytes = 100 } = {}): Value {
  return { source, tookMs, unreadBytes, priority, rank: priority, queuePlace: undefined };
}

/** A queue whose values say for whom they are, and what they take. */
class Trial {
  readonly #queue = new FairQueue<Value>(new PriorityQueue());
  readonly #sources = new Map<string, { readonly name: string }>();

  push(source: string, tookMs: number, times = 1, unreadBytes?: number): void {
    for (let n = 0; n < times; n++)
      this.#queue.push(value(source, tookMs, { unreadBytes }), this.#sourceOf(source));
  }

  /** Gives the next ones their turn, and says whose they were. */
  run(turns: number): string {
    let order = "";
    for (let n = 0; n < turns; n++) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      order += next.source;
      this.#queue.charge(this.#sourceOf(next.source), next.tookMs, next.unreadBytes);
    }
    return order;
  }

  giveBack(source: string, ms: number): void {
    this.#queue.giveBack(this.#sourceOf(source), ms);
  }

  get empty(): boolean {
    return this.#queue.empty;
  }

  #sourceOf(name: string): object {
    const source = this.#sources.get(name) ?? { name };
    this.#sources.set(name, source);
    return source;
  }
}

test("FairQueue gives sources turns that take equally long, one after the other", () => {
  const trial = new Trial();
  for (const source of ["a", "b", "c"]) trial.push(source, 1, 3);

  assert.equal(trial.run(9), "abcabcabc");
  assert.equal(trial.empty, true);
});

test("FairQueue gives whoever takes little a turn after each long one, however many take long", () => {
  const trial = new Trial();
  for (let flood = 0; flood < 9; flood++) trial.push(String(flood), 20, 10);
  trial.run(30);

  let turns = "";
  for (let n = 0; n < 20; n++) {
    trial.push("s", 0.1);
    turns += trial.run(2);
  }

  // Never behind more than one of the others.
  assert.match(turns, /^\d?(s\d?)*$/);
  assert.equal([...turns].filter((source) => source === "s").length, 20);
});

test("FairQueue lets nobody save up time by coming late, nor get rid of what it has taken by going", () => {
  const trial = new Trial();
  trial.push("a", 10, 20);
  trial.run(10);
  trial.push("late", 10, 10);
  trial.push("a", 10, 10);

  const together = trial.run(10);
  assert.equal(together.replaceAll("late", "l").length, 10);
  assert.match(together, /^(late){1,2}(alate|latea)+(a|late)*$/);

  const other = new Trial();
  other.push("g", 50);
  other.push("o", 1, 60);
  assert.equal(other.run(1), "g");
  other.push("g", 50); // it went, and is back
  assert.match(other.run(50), /^o{49,50}g?$/);
});

test("FairQueue lets whoever takes little go before all who bring much to read for the first time, or after little", () => {
  const trial = new Trial();
  const others = Array.from({ length: 9 }, (_, n) => String(n));
  trial.push("s", 0.1);
  trial.run(1);
  for (const other of others) trial.push(other, 150, 1, MIB);
  trial.push("s", 0.1);
  assert.match(trial.run(10), /^s\d{9}$/);

  for (const other of others) trial.push(other, 0.1);
  trial.run(9);
  for (const other of others) trial.push(other, 150, 1, MIB);
  trial.push("s", 0.1);

  assert.match(trial.run(10), /^s\d{9}$/);
});

test("FairQueue learns of a source that what it has to read is read quickly", () => {
  const trial = new Trial();
  trial.push("m", 1, 12, MIB);
  trial.push("s", 1, 500);

  const order = trial.run(512);

  // Once it is known they take turns, though what many bytes may take at worst is fifty times as long.
  assert.ok(order.lastIndexOf("m") < 150, order);
});

test("FairQueue has nobody stand behind others for what is given back of its turn", () => {
  const trial = new Trial();
  trial.push("a", 101, 1, MIB);
  trial.run(1);
  trial.push("b", 1, 120);
  trial.push("a", 1, 10, MIB);

  trial.giveBack("a", 60);
  trial.giveBack("a", 40);

  assert.match(trial.run(20), /^b?b?(ab){8,}/);
});

test("FairQueue forgets a source once all others have taken as much", () => {
  const queue = new FairQueue<Value>(new PriorityQueue());
  const sources = Array.from({ length: 1_000 }, () => ({}));
  const steady = {};
  for (const source of sources) {
    queue.push(value("once", 0.5), source);
    assert.equal(queue.shift()?.source, "once");
    queue.charge(source, 0.5, 0);
  }
  queue.push(value("on", 1), steady);
  assert.equal(queue.shift()?.source, "on");
  queue.charge(steady, 1, 0);
  queue.push(value("on", 1), steady);

  assert.equal(queue.shift()?.source, "on");
  assert.equal(queue.shift(), undefined);
});

test("FairQueue goes by priority among the values of one source only, and tells which of them went past others", () => {
  const queue = new FairQueue<Value>(new PriorityQueue());
  const one = {};
  const other = {};
  queue.push(value("a", 1), one);
  queue.push(value("b", 1, { priority: 5 }), one);
  queue.push(value("c", 1), other);

  const order: Array<readonly [string | undefined, boolean]> = [];
  for (const source of [one, other, one]) {
    order.push([queue.shift()?.source, queue.overtook]);
    queue.charge(source, 1, 0);
  }

  assert.deepEqual(order, [
    ["b", true],
    ["c", false],
    ["a", false],
  ]);
});
