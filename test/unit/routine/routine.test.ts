/** What `routine()` refuses when it is called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { routine } from "../../../src/routine/routine.ts";

const declarationError = { code: "ERR_MERINO_ROUTINE_DECLARATION" };

test("routine refuses what is no function", () => {
  for (const junk of [undefined, null, "resize", {}, class Resize {}]) {
    assert.throws(() => routine(junk as never), declarationError);
  }
});

test("routine refuses options that are no object, such as a bare name", () => {
  for (const junk of [null, "resize", 3, true]) {
    assert.throws(() => routine(async function resize() {}, junk as never), declarationError);
  }
});

test("routine refuses options that do not exist or have a wrong type, with those that do exist", () => {
  for (const [options, option] of [
    [{ timeOut: 10 }, "timeOut"],
    [{ nam: "x" }, "nam"],
    [{ retries: 0 }, "retries"],
    [{ id: 5 }, "id"],
    [{ timeout: "10" }, "timeout"],
  ] as const) {
    assert.throws(() => routine(async function resize() {}, options as never), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
    });
  }
  assert.throws(
    () => routine(async function resize() {}, { timeOut: 1 } as never),
    /name, module, id, timeout/,
  );
  assert.ok(routine(async function resize() {}, { timeout: undefined, name: "options-test" }));
});

test("routine refuses to repeat calls of what is not idempotent, and of generators", async () => {
  const options = { code: "ERR_MERINO_INVALID_OPTION" };
  const once = routine(async function once() {});
  async function* lines() {}

  assert.throws(() => routine(async function a() {}, { retry: {} } as never), {
    ...options,
    option: "retry",
  });
  assert.throws(() => routine(async function b() {}, { hedge: {} } as never), {
    ...options,
    option: "hedge",
  });
  assert.throws(() => routine(lines, { idempotent: true } as never), { ...options, option: "idempotent" });
  await assert.rejects(once.with({ retry: {} } as never)(), { ...options, option: "retry" });
  await assert.rejects(once.with({ hedge: {} } as never)(), { ...options, option: "hedge" });
});

test("routine checks how calls are repeated", () => {
  for (const [option, given] of [
    ["retry.attempts", { retry: { attempts: 0 } }],
    ["retry.backoff.factor", { retry: { backoff: { factor: 0.5 } } }],
    ["retry.backoff.max", { retry: { backoff: { max: 3_600_001 } } }],
    ["retry.backoff.initial", { retry: { backoff: { initial: 3_600_001 } } }],
    ["retry.backoff.initial", { retry: { backoff: { initial: 101, max: 100 } } }],
    ["retry.budget.tokens", { retry: { budget: { tokens: 0 } } }],
    ["retry.on", { retry: { on: true } }],
    ["hedge.after", { hedge: { after: "p99" } }],
    ["hedge.after", { hedge: { after: 0 } }],
    ["hedge.max", { hedge: { max: 0 } }],
    ["hedge", { hedge: true }],
    ["attempt", { retry: { attempt: 3 } }],
  ] as const) {
    assert.throws(() => routine(async function repeated() {}, { idempotent: true, ...given } as never), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
    });
  }
});

test("with() rejects the call for an option that does not exist", async () => {
  const resize = routine(async function resizeWith() {});

  await assert.rejects(resize.with({ timeOut: 10 } as never)(), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "timeOut",
  });
});

test("routine refuses to decorate anything but a method", () => {
  const decorate = routine as unknown as (...parameters: unknown[]) => unknown;
  const context = { name: "count", static: false, private: false, addInitializer() {} };

  for (const kind of ["field", "getter", "setter", "accessor"]) {
    const target = kind === "field" ? undefined : kind === "accessor" ? {} : function count() {};
    assert.throws(() => decorate(target, { ...context, kind }), {
      ...declarationError,
      message: new RegExp(`the ${kind} 'count': @routine marks methods`),
    });
  }
  assert.throws(() => decorate(class Document {}, { ...context, kind: "class" }), {
    ...declarationError,
    message: /portable\(\)/,
  });
});
