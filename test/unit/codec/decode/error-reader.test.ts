/** What an error that a peer has made up becomes here: never an instance that goes round the rules of its class. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, portable } from "../../../../src/codec/portable.ts";
import type { RemoteError } from "../../../../src/errors/remote-error.ts";
import { receive, send } from "../support.ts";

class Plain extends Error {
  amount = 5;
}
portable(Plain, { id: "app/errors.js#Plain" });

class Checked extends Error {
  amount = 0;
  static [encode]({ amount }: Checked): unknown {
    return amount;
  }
  static [decode](amount: number): Checked {
    if (amount > 10) throw new RangeError("too much");
    return Object.assign(new Checked(), { amount });
  }
}
portable(Checked, { id: "app/errors.js#Chckd" });

class Purse {
  amount = 0;

  static [encode](purse: Purse): unknown {
    return purse.amount;
  }
  static [decode](amount: number): Purse {
    return Object.assign(new Purse(), { amount });
  }
}
portable(Purse, { id: "app/errors.js#Purse" });

class Point {
  x = 0;
}
portable(Point, { id: "app/errors.js#Point" });

/** The payload of an error whose class is called as another one, of a name as long. */
function calledAs(id: string) {
  const message = send(Object.assign(new Plain("made up"), { amount: 1_000 }));
  const [head, tail] = message.bytes.toString("latin1").split("app/errors.js#Plain") as [string, string];
  const named = Buffer.concat([Buffer.from([0xd9, id.length]), Buffer.from(id)]);
  // The length of the identity's token, and of the extension around it, change with it.
  const bytes = Buffer.concat([Buffer.from(head.slice(0, -1), "latin1"), named, Buffer.from(tail, "latin1")]);
  bytes.writeUInt32BE(bytes.length - 7, 2);
  return { ...message, bytes };
}

test("an error without hooks arrives as one of its class", () => {
  const error = receive(calledAs("app/errors.js#Plain")) as Plain;

  assert.ok(error instanceof Plain);
  assert.deepEqual([error.message, error.amount], ["made up", 1_000]);
});

test("an error of a class with hooks is not made without them", () => {
  const error = receive(calledAs("app/errors.js#Chckd")) as RemoteError;

  assert.equal(error instanceof Checked, false);
  assert.deepEqual([error.name, error.message], ["Plain", "made up"]);
});

test("no error makes an instance of a class that is none of errors", () => {
  for (const id of ["app/errors.js#Purse", "app/errors.js#Point"])
    assert.equal((receive(calledAs(id)) as Error).constructor.name, "RemoteError");
});

test("the stack of an error is made to be shown when it is first read, and a very long one at once", () => {
  const stack = `Error: x\n    at body (\u202efile:///jobs.js:1:1)${"\n    at other (file:///jobs.js:2:2)".repeat(4)}`;
  const usual = receive(send(Object.assign(new Error("x"), { stack }))) as Error;
  const long = receive(send(Object.assign(new Error("x"), { stack: "y".repeat(70_000) }))) as Error;

  assert.equal(typeof Object.getOwnPropertyDescriptor(usual, "stack")?.get, "function");
  assert.equal(usual.stack, stack.replace("\u202e", "\\u202e"));
  assert.match(String(long.stack), /y… \(4464 more characters\)$/);
});
