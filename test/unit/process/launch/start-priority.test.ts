// own process: it starts another one
/** That a process which nobody waits for can be slowed down, and is as fast as others again. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { getPriority } from "node:os";
import { test } from "node:test";
import { lowerPriority } from "../../../../src/process/launch/start-priority.ts";
import { ROOT_ONLY } from "../../../support/root-only.ts";

/** Starts threads, and a process of its own that waits, and then says so. */
const PROGRAM = `
require("node:fs").readFile(__filename ?? "", () => {});
const { spawn } = require("node:child_process");
const child = spawn(process.execPath, ["-e", "console.log('up'); process.stdin.resume()"], { stdio: ["pipe", "pipe", "inherit"] });
child.stdout.once("data", () => console.log(child.pid));
process.stdin.resume().once("end", () => child.stdin.end());
`;

/** A process with another one below it, from before these have done anything. */
function startTree() {
  const parent = spawn(process.execPath, ["-e", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  return {
    pid: parent.pid ?? assert.fail("it was not started"),
    /** The process below, once that has come up. */
    child: once(parent.stdout, "data").then(([line]) => Number(line)),
    async [Symbol.asyncDispose]() {
      parent.stdin.end();
      await once(parent, "exit");
    },
  };
}

function prioritiesOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
}

test(
  "lowerPriority slows a process down, and takes that back for its threads and what it has started",
  ROOT_ONLY,
  async (context) => {
    const usual = getPriority(process.pid);
    if (usual > 9) return context.skip("runs at a priority that is nearly the lowest");
    await using tree = startTree();

    const restore = lowerPriority(tree.pid);
    if (restore === undefined) return context.skip("the system does not let root raise a priority");
    const child = await tree.child;
    assert.deepEqual(new Set([...prioritiesOf(tree.pid), ...prioritiesOf(child)]), new Set([usual + 10]));

    restore();
    restore();

    assert.deepEqual(new Set([...prioritiesOf(tree.pid), ...prioritiesOf(child)]), new Set([usual]));
  },
);

test("lowerPriority does nothing to a process that there is not", () => {
  assert.equal(lowerPriority(2 ** 30), undefined);
});
