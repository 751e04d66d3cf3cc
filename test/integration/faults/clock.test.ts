/** The system's clock is set while calls are under way: no time limit is measured by it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { useTool } from "../../support/debian-tool.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { runNode } from "../../support/run-node.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";

const PROGRAM = fileURLToPath(new URL("./fixtures/clock-program.ts", import.meta.url));

await useTool("faketime", "faketime");

/** The library by which processes see another time. */
function fakeTimeLibrary(): string {
  const found = readdirSync("/usr/lib")
    .map((folder) => `/usr/lib/${folder}/faketime/libfaketime.so.1`)
    .find((path) => existsSync(path));
  return found ?? assert.fail("faketime is installed, and its library is not below /usr/lib");
}

test("a clock that jumps by 400 days, and back, moves no time limit, breaks no connection and ends no worker", async () => {
  await using _leaks = leakCheck();
  using folder = temporaryPackage({ offset: "+0\n" });
  const env = {
    LD_PRELOAD: fakeTimeLibrary(),
    FAKETIME_TIMESTAMP_FILE: folder.path("offset"),
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };

  const { stdout, stderr } = await runNode(
    [...TYPESCRIPT_FLAGS, PROGRAM, folder.path("offset"), folder.path("release"), folder.path("log")],
    { env },
  );

  assert.deepEqual(stdout === "" ? stderr : JSON.parse(stdout), {
    jumps: [400, -800],
    ahead: "ERR_MERINO_TIMEOUT",
    back: "ERR_MERINO_TIMEOUT",
    sums: [7, 7],
    results: ["done", "done"],
    restarts: 0,
  });
});
