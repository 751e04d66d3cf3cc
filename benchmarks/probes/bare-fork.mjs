/** The floor for the start of two workers: two bare Nodes forked at once, until both have reported. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { residentBytes, settle, totalBytes } from "./resident-bytes.mjs";

const child = fileURLToPath(new URL("./bare-child.mjs", import.meta.url));

const start = performance.now();
const children = [fork(child), fork(child)];
await Promise.all(children.map((each) => once(each, "message")));
const readyMs = performance.now() - start;

await settle();
const pids = children.map(({ pid }) => pid);
console.log(
  JSON.stringify({
    readyMs,
    totalBytes: await totalBytes(pids),
    residentBytes: await residentBytes(children[0].pid),
  }),
);
for (const each of children) each.disconnect();
