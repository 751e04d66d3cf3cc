/** The per-user directory. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import type { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { runtimeDirectory } from "../../../../src/transport/unix/runtime-directory.ts";
import { useEnvironment } from "../../../support/use-environment.ts";

const REFUSED = { code: "ERR_MERINO_INVALID_OPTION", option: "runtimeDirectory" };

test("runtimeDirectory makes a directory of mode 0700 in the session's runtime directory", () => {
  using environment = useEnvironment();
  environment.set("XDG_RUNTIME_DIR", environment.root);

  assert.equal(runtimeDirectory(), join(environment.root, "merino"));
  assert.equal(runtimeDirectory(), join(environment.root, "merino"));
  assert.equal(statSync(runtimeDirectory()).mode & 0o777, 0o700);
});

test("runtimeDirectory uses the temporary directory when the session has none that is private", () => {
  using environment = useEnvironment();
  environment.set("TMPDIR", environment.root);
  const expected = join(environment.root, `merino-${process.geteuid?.()}`);
  const open = join(environment.root, "open");
  mkdirSync(open);
  chmodSync(open, 0o777);

  for (const session of [undefined, "", "relative", join(environment.root, "missing"), open]) {
    environment.set("XDG_RUNTIME_DIR", session);
    assert.equal(runtimeDirectory(), expected);
  }
});

test("runtimeDirectory is absolute also where TMPDIR is not", () => {
  using environment = useEnvironment();
  environment.set("XDG_RUNTIME_DIR", undefined);
  environment.set("TMPDIR", relative(process.cwd(), environment.root));

  assert.equal(runtimeDirectory(), join(environment.root, `merino-${process.geteuid?.()}`));
});

test("runtimeDirectory refuses what is open to others, a link or no directory, each time", () => {
  using environment = useEnvironment();
  environment.set("XDG_RUNTIME_DIR", environment.root);
  const directory = runtimeDirectory();

  chmodSync(directory, 0o770);
  assert.throws(runtimeDirectory, REFUSED);
  rmSync(directory, { recursive: true });
  mkdirSync(join(environment.root, "target"), { mode: 0o700 });
  symlinkSync(join(environment.root, "target"), directory);
  assert.throws(runtimeDirectory, REFUSED);
  rmSync(directory);
  writeFileSync(directory, "", { mode: 0o700 });
  assert.throws(runtimeDirectory, REFUSED);
  rmSync(directory);
  assert.equal(runtimeDirectory(), directory);
});

test("runtimeDirectory refuses a place where none can be made, and says what the system said", () => {
  using environment = useEnvironment();
  const file = join(environment.root, "file");
  writeFileSync(file, "");
  environment.set("XDG_RUNTIME_DIR", undefined);
  environment.set("TMPDIR", file);

  assert.throws(runtimeDirectory, (error: InvalidOptionError) => {
    assert.equal(error.code, REFUSED.code);
    assert.equal(error.option, REFUSED.option);
    assert.equal(error.value, join(file, `merino-${process.geteuid?.()}`));
    assert.equal((error.cause as NodeJS.ErrnoException).code, "ENOTDIR");
    assert.ok(error.expected.includes((error.cause as Error).message), error.expected);
    return true;
  });
});
