/** Warnings: they carry a code, and the documentation says what each code means. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { warn } from "../../../src/internal/warn.ts";

test("warn emits a warning with the code, under the name of Merino's warnings", async () => {
  const emitted = once(process, "warning");

  warn("MERINO_BUG", "Something that a test has made up");

  const [warning] = (await emitted) as [Error & { code: string }];
  const { name, code, message } = warning;
  assert.deepEqual(
    { name, code, message },
    { name: "MerinoWarning", code: "MERINO_BUG", message: "Something that a test has made up" },
  );
});

test("every code of a warning is explained in the documentation", () => {
  const source = readFileSync(new URL("../../../src/internal/warn.ts", import.meta.url), "utf8");
  const documentation = readFileSync(new URL("../../../docs/failures.md", import.meta.url), "utf8");
  const start = source.indexOf("type WarningCode");
  const declaration = source.slice(start, source.indexOf(";", start));
  const codes = [...declaration.matchAll(/"(MERINO_\w+)"/g)].map(([, code]) => code);

  assert.ok(codes.length >= 11, `only ${codes.length} codes found`);
  for (const code of codes) assert.ok(documentation.includes(`\`${code}\``), `'${code}' is not explained`);
});
