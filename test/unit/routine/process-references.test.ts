/** What is said of functions that belong to a routine and are none themselves, when they are sent as values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import { routine } from "../../../src/routine/routine.ts";

const add = routine(async function add(x: number, y: number) {
  return x + y;
});
const count = routine(async function* count(to: number) {
  for (let n = 0; n < to; n++) yield n;
});

class Counter {
  @routine
  async next(): Promise<number> {
    return 1;
  }
}

function refusal(value: unknown): { message: string; path: string } {
  try {
    encodeValue([{ value }], { root: "args", references: processReferences });
  } catch (error) {
    return error as { message: string; path: string };
  }
  return assert.fail("nothing was refused");
}

test("a routine bound to options is refused as a value, with what to send and where to set options", () => {
  for (const [bound, name] of [
    [add.with({ timeout: 5 }), "add"],
    [count.with({ prefetch: 5 }), "count"],
    [add.with({ timeOut: 5 } as never), "add"],
  ] as const) {
    const { message, path } = refusal(bound);

    assert.equal(path, "args[0].value");
    assert.match(
      message,
      new RegExp(`the routine '${name}' bound to options by with\\(\\); send '${name}' itself`),
    );
  }
});

test("the body of a routine is refused as a value, with what to send", () => {
  assert.match(refusal(add.local).message, /body of the routine 'add'.*what routine\(\) has returned/);
});

test("a method that is a routine is refused as a value without its object, with what to send", () => {
  assert.match(refusal(new Counter().next).message, /a method of an object.*send the object.*'next'/);
});

test("any other function is refused with what to declare", () => {
  assert.match(refusal(add.bind(undefined, 1)).message, /declare it with routine\(\)/);
});

test("a routine that is not loaded has one stand-in, unless its identity is longer than any usual one", () => {
  const reference = (id: string) => ({ id, module: undefined, generator: false, conflict: undefined });
  const [short, long] = [reference("far/a.ts#add"), reference(`far/${"x".repeat(10_000)}.ts#add`)];

  assert.equal(processReferences.resolveRoutine(short), processReferences.resolveRoutine(short));
  assert.notEqual(processReferences.resolveRoutine(long), processReferences.resolveRoutine(long));
});
