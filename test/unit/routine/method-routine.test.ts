/** Methods decorated in the older form. In the standard one they are tested where workers run them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { portable } from "../../../src/codec/portable.ts";
import { isUnboundMethod } from "../../../src/routine/method-routine.ts";
import { routine } from "../../../src/routine/routine.ts";

const declarationError = { code: "ERR_MERINO_ROUTINE_DECLARATION" };

test("routine decorates methods as compilers call decorators in their older form", () => {
  class Invoice {
    async total(): Promise<void> {}
    static async *all(): AsyncGenerator<number, void, void> {}
  }
  for (const [target, key] of [
    [Invoice.prototype, "total"],
    [Invoice, "all"],
  ] as const) {
    const descriptor = Object.getOwnPropertyDescriptor(target, key) ?? assert.fail();

    const decorated = routine(target, key, descriptor);

    assert.deepEqual(
      { ...decorated, value: undefined },
      { value: undefined, writable: true, enumerable: false, configurable: true },
    );
    assert.equal((decorated.value as { local?: unknown }).local, descriptor.value);
    Object.defineProperty(target, key, decorated);
  }
  portable(Invoice);

  const { all } = Invoice as unknown as { all: { id: string } };
  assert.match(all.id, /routine\.test\.ts#Invoice\.all$/);
  assert.ok(isUnboundMethod(Invoice.prototype.total));
});

test("routine refuses in the older form, too, what is no method or has no plain name", () => {
  const decorate = routine as unknown as (...parameters: unknown[]) => unknown;
  class Receipt {
    async total(): Promise<void> {}
  }

  for (const [key, descriptor, what] of [
    ["size", undefined, "field 'size': @routine marks methods"],
    ["size", { get: () => 1 }, "accessor 'size': @routine marks methods"],
    ["size", { value: undefined }, "field 'size': @routine marks methods"],
    [Symbol("total"), { value: Receipt.prototype.total }, "only public methods with a plain name"],
  ] as const) {
    for (const target of [Receipt.prototype, Receipt]) {
      assert.throws(() => decorate(target, key, descriptor), {
        ...declarationError,
        message: new RegExp(what),
      });
    }
  }
  assert.throws(() => decorate(async function total() {}, "total"), {
    ...declarationError,
    message: /expected an object with options/,
  });
});
