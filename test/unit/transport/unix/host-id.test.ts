/** The identity of this machine. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { hostId } from "../../../../src/transport/unix/host-id.ts";
import { TYPESCRIPT_FLAGS } from "../../../support/typescript-flags.ts";

test("hostId is the same in another process", () => {
  const module = new URL("../../../../src/transport/unix/host-id.ts", import.meta.url).href;
  const program = `process.stdout.write((await import(${JSON.stringify(module)})).hostId())`;

  const other = execFileSync(
    process.execPath,
    [...TYPESCRIPT_FLAGS, "--input-type=module", "--eval", program],
    {
      cwd: new URL("../../../..", import.meta.url),
      encoding: "utf8",
    },
  );

  assert.equal(other, hostId());
  assert.match(other, /^[0-9a-f]{24}$/);
});
