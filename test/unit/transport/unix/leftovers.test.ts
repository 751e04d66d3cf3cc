/** What dead processes leave is swept; what lives, or is somebody else's, is not. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ownerName, privateNamespace, sweepLeftovers } from "../../../../src/transport/unix/leftovers.ts";

function useRuntime(): { readonly root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), "merino-leftovers-"));
  for (const folder of ["s", "d"]) mkdirSync(join(root, folder));
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

/** The name of a process that has ended. */
function deadOwner(): string {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  return ownerName().replace(/^[0-9a-z]+/, pid.toString(36));
}

test("sweepLeftovers removes sockets and private namespaces of dead processes, and nothing else", () => {
  using runtime = useRuntime();
  const { root } = runtime;
  const dead = deadOwner();
  const kept = [`${ownerName()}-live`, "unrelated", dead.replace(/\.[0-9a-z]+$/, ".elsewhere-socket")];
  for (const name of [`${dead}-gone`, ...kept]) writeFileSync(join(root, "s", name), "");
  const namespaces = [`abc.${privateNamespace()}`, "abc.shared"];
  for (const name of [`abc.pool-${dead}-gone`, ...namespaces]) {
    mkdirSync(join(root, "d", name));
    writeFileSync(join(root, "d", name, "worker.json"), "{}");
  }

  sweepLeftovers(root);

  assert.deepEqual(readdirSync(join(root, "s")).sort(), kept.sort());
  assert.deepEqual(readdirSync(join(root, "d")).sort(), namespaces.sort());
});

test("sweepLeftovers takes a missing directory for an empty one", () => {
  assert.doesNotThrow(() => sweepLeftovers(join(tmpdir(), "merino-not-there")));
});

test("privateNamespace is one that discovery accepts, and another one each time", () => {
  const names = Array.from({ length: 10 }, () => privateNamespace());

  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[A-Za-z0-9._-]{1,64}$/);
});
