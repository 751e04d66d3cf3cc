/** A program that does not close its pool leaves no files, and one that is killed leaves none for long. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";

const PROGRAM = fileURLToPath(new URL("./fixtures/leave-pool-open.ts", import.meta.url));

function useRuntime(): { readonly root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), "m-"));
  chmodSync(root, 0o700);
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

async function leave(way: string, runtime: string): Promise<void> {
  const child = spawn(process.execPath, [...TYPESCRIPT_FLAGS, PROGRAM, way], {
    stdio: "ignore",
    env: { ...process.env, XDG_RUNTIME_DIR: runtime },
  });
  await once(child, "exit");
}

function files(runtime: string): readonly string[] {
  return ["s", "d"].flatMap((folder) => {
    const path = join(runtime, "merino", folder);
    return existsSync(path) ? readdirSync(path).map((name) => `${folder}/${name}`) : [];
  });
}

for (const way of ["end", "exit", "throw"]) {
  test(`a program that ends by '${way}' with its pool open leaves no files`, async () => {
    using runtime = useRuntime();

    await leave(way, runtime.root);

    assert.deepEqual(files(runtime.root), []);
  });
}

test("what a killed program leaves is swept by the next pool of the same user", async () => {
  using runtime = useRuntime();
  await leave("kill", runtime.root);
  assert.ok(files(runtime.root).length > 0, "a killed program cannot tidy up");

  await leave("end", runtime.root);

  assert.deepEqual(files(runtime.root), []);
});
