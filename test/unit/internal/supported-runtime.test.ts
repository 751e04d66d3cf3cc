import assert from "node:assert/strict";
import { test } from "node:test";
import { unsupportedRuntime } from "../../../src/internal/supported-runtime.ts";

test("runtimes that are supported", () => {
  for (const node of ["20.19.0", "20.20.2", "22.0.0", "26.10.0"]) {
    assert.equal(unsupportedRuntime({ node }), undefined);
  }
  assert.equal(unsupportedRuntime(process.versions), undefined);
});

test("runtimes that are not, by name and with what to do", () => {
  assert.match(
    unsupportedRuntime({ node: "24.3.0", bun: "1.4.5" }) ?? "",
    /support Bun yet .*1\.4\.5.*: run .* Node\.js 20\.19/,
  );
  assert.match(unsupportedRuntime({ node: "24.2.0", deno: "2.5.0" }) ?? "", /support Deno yet/);
  assert.match(
    unsupportedRuntime({ node: "20.18.3" }) ?? "",
    /needs Node\.js 20\.19 or later \(this is 20\.18\.3\)/,
  );
  assert.match(unsupportedRuntime({ node: "18.20.0" }) ?? "", /needs Node\.js/);
  assert.match(unsupportedRuntime({}) ?? "", /needs Node\.js/);
});
