/** Paths of sockets: each one its own, and short enough for the system. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ownerName } from "../../../../src/transport/unix/leftovers.ts";
import { socketDirectory } from "../../../../src/transport/unix/runtime-directory.ts";
import { controlSocketPath, socketPath } from "../../../../src/transport/unix/socket-path.ts";
import { useEnvironment } from "../../../support/use-environment.ts";

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

test("controlSocketPath gives each socket another one beside it", () => {
  assert.equal(controlSocketPath("/run/merino/s/a"), "/run/merino/s/a.g");
});
