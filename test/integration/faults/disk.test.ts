/** The file system of sockets and announcements is full, or read-only: calls go on, and what could not be done is done later. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { leakCheck } from "../../support/leak-check.ts";
import { ROOT_ONLY } from "../../support/root-only.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";

const PROGRAM = fileURLToPath(new URL("./fixtures/disk-program.ts", import.meta.url));
/** Room for a few small files; the second mount shows the first one, and becomes read-only by itself. */
const MOUNTS =
  'mount -t tmpfs -o size=64k,nr_inodes=60,mode=0700 merino "$1" && mount --bind "$1" "$2" && shift 2';

/** Runs a scene in a mount namespace of its own. */
async function run(scene: string): Promise<Readonly<Record<string, unknown>>> {
  using folder = temporaryPackage({});
  const [real, seen] = [folder.path("real"), folder.path("seen")];
  for (const path of [real, seen]) mkdirSync(path);
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
  const { stdout } = await promisify(execFile)(
    "unshare",
    [
      ...["--mount", "sh", "-c", `${MOUNTS} && exec "$@"`, "sh", real, seen],
      ...[process.execPath, ...TYPESCRIPT_FLAGS, PROGRAM, scene],
    ],
    { env: { ...env, XDG_RUNTIME_DIR: seen } },
  );
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
}

describe("a file system", () => {
  test(
    "that is full keeps no pool from its calls; workers are announced, and replaced, when there is room",
    ROOT_ONLY,
    async () => {
      await using _leaks = leakCheck();

      const { replaced, ...seen } = await run("is full");

      assert.deepEqual(seen, {
        called: 3,
        unpublished: ["MERINO_PUBLISH_FAILED"],
        nestedLater: true,
        whileFull: 3,
        lost: { code: "ERR_MERINO_WORKER_LOST" },
        recovered: true,
        warnings: [],
        left: [],
      });
      const { code, cause } = replaced as { readonly code: string; readonly cause: string };
      assert.equal(code, "ERR_MERINO_NO_WORKERS");
      assert.match(cause, /ENOSPC.*no space, or no inode, is left there/);
    },
  );

  test("that becomes read-only keeps no pool from its calls, nor from closing", ROOT_ONLY, async () => {
    await using _leaks = leakCheck();

    const { refused, replaced, ...seen } = await run("is read-only");

    assert.deepEqual(seen, {
      unread: ["MERINO_DISCOVERY"],
      found: 11,
      called: 3,
      nestedThen: true,
      lost: { code: "ERR_MERINO_WORKER_LOST" },
      recovered: true,
      closed: true,
      warnings: ["MERINO_PUBLISH_FAILED"],
    });
    const { code, option } = refused as { readonly code: string; readonly option: string };
    assert.deepEqual([code, option], ["ERR_MERINO_INVALID_OPTION", "runtimeDirectory"]);
    const { code: none, cause } = replaced as { readonly code: string; readonly cause: string };
    assert.equal(none, "ERR_MERINO_NO_WORKERS");
    assert.match(cause, /EROFS/);
  });
});
