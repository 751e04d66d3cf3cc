import assert from "node:assert/strict";
import { test } from "node:test";
import { assertSupportedRuntime } from "../../../src/internal/supported-runtime.ts";

test("assertSupportedRuntime lets every Node through that is supported", () => {
  for (const node of ["20.19.0", "20.20.2", "22.0.0", "26.10.0"]) assertSupportedRuntime({ node });
  assertSupportedRuntime();
});

test("assertSupportedRuntime refuses others by name, and says what to do", () => {
  const refusals: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [{ node: "24.3.0", bun: "1.4.5" }, /support Bun yet .*1\.4\.5.*: run .* Node\.js 20\.19/],
    [{ node: "24.2.0", deno: "2.5.0" }, /support Deno yet/],
    [{ node: "20.18.3" }, /needs Node\.js 20\.19 or later \(this is 20\.18\.3\)/],
    [{ node: "18.20.0" }, /needs Node\.js/],
    [{}, /needs Node\.js/],
  ];
  for (const [versions, message] of refusals) {
    assert.throws(() => assertSupportedRuntime(versions), message);
  }
});
