/** The leak check finds leaks. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { leakCheck } from "../../support/leak-check.ts";

/** Each makes something, and returns how to remove it. */
const leaks: Record<string, (root: string) => Promise<() => unknown> | (() => unknown)> = {
  "a referenced timer": () => {
    const timer = setTimeout(() => {}, 60_000);
    return () => clearTimeout(timer);
  },
  "a listening server that is not referenced": async () => {
    const server = createServer().listen(0, "127.0.0.1").unref();
    await once(server, "listening");
    return () => server.close();
  },
  "a descriptor": () => {
    const descriptor = openSync("/dev/null", "r");
    return () => closeSync(descriptor);
  },
  "a child process that is not referenced": async () => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    child.unref();
    await once(child, "spawn");
    return async () => {
      child.ref();
      child.kill("SIGKILL");
      await once(child, "exit");
    };
  },
  "a file in the runtime directory": (root) => {
    writeFileSync(join(root, "left"), "");
    return () => {};
  },
};

for (const [what, leak] of Object.entries(leaks)) {
  test(`leakCheck finds ${what}`, async () => {
    const check = leakCheck({ withinMs: 30 });
    const remove = await leak(check.runtimeRoot);

    await assert.rejects(async () => check[Symbol.asyncDispose](), assert.AssertionError);

    await remove();
  });
}

test("leakCheck is content with what was open before and with what was closed", async () => {
  const before = setTimeout(() => {}, 60_000);
  const check = leakCheck();
  clearTimeout(setTimeout(() => {}, 60_000));

  await check[Symbol.asyncDispose]();

  clearTimeout(before);
});
