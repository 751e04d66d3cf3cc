/** The per-user directory, socket paths and the host's identity. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import type { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { ownerName } from "../../../../src/transport/unix/leftovers.ts";
import {
  hostId,
  runtimeDirectory,
  socketDirectory,
  socketPath,
} from "../../../../src/transport/unix/runtime-directory.ts";

/** Sets environment variables, and gives a directory, until disposed. */
function useEnvironment(): Disposable & { readonly root: string; set(name: string, value?: string): void } {
  const root = mkdtempSync(join(tmpdir(), "merino-test-"));
  const before = new Map<string, string | undefined>();
  const assign = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  return {
    root,
    set(name, value) {
      if (!before.has(name)) before.set(name, process.env[name]);
      assign(name, value);
    },
    [Symbol.dispose]() {
      for (const [name, value] of before) assign(name, value);
      rmSync(root, { recursive: true });
    },
  };
}

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

test("socketPath gives a short path of its own for each call", () => {
  using environment = useEnvironment();
  environment.set("XDG_RUNTIME_DIR", environment.root);

  const paths = Array.from({ length: 100 }, () => socketPath());

  assert.equal(new Set(paths).size, paths.length);
  for (const path of paths) {
    assert.ok(path.startsWith(`${socketDirectory()}/${ownerName()}-`), path);
    assert.ok(Buffer.byteLength(path) <= Buffer.byteLength(socketDirectory()) + 32, path);
  }
});

test("socketPath refuses a directory whose path leaves no room", () => {
  using environment = useEnvironment();
  const long = join(environment.root, "é".repeat(40));
  mkdirSync(long, { mode: 0o700 });
  environment.set("XDG_RUNTIME_DIR", long);

  assert.throws(() => socketPath(), { code: "ERR_MERINO_INVALID_OPTION", option: "socketPath" });
});

test("hostId is the same in another process", () => {
  const module = new URL("../../../../src/transport/unix/runtime-directory.ts", import.meta.url).href;
  const program = `process.stdout.write((await import(${JSON.stringify(module)})).hostId())`;

  const other = execFileSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", program],
    {
      cwd: new URL("../../../..", import.meta.url),
      encoding: "utf8",
    },
  );

  assert.equal(other, hostId());
  assert.match(other, /^[0-9a-f]{24}$/);
});
