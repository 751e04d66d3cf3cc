/** Workers on hosts that have no addresses but link-local ones: what is announced leads others to them, or they say why not. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { type NetworkHost, useHosts } from "../../support/network-namespaces.ts";

const MERINO = fileURLToPath(new URL("../../../dist/cli/merino.js", import.meta.url));
const ROUTINES = fileURLToPath(new URL("./fixtures/network-routines.ts", import.meta.url));
const WORKER = ["worker", ROUTINES, "--insecure"];
const SOON = { withinMs: 30_000 };

/** The command on a host, and what it has said so far. */
function startOn(
  host: NetworkHost,
  words: readonly string[],
): { readonly child: ChildProcess; said(): string } {
  const child = host.startNode([MERINO, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  return { child, said: () => text };
}

test("a worker on a wildcard address does not start where it could name none that others can use, and says what to do", async () => {
  await using network = await useHosts(1, { ipv4: false, ipv6: "link-local" });
  await using _leaks = leakCheck();

  for (const host of ["::", "0.0.0.0"]) {
    const { child, said } = startOn(network.host(0), [...WORKER, "--host", host]);
    const [code] = await once(child, "close");

    assert.equal(code, 1, said());
    assert.match(said(), /'advertise'.*'fe80:[0-9a-f:]+%eth0' itself.*127\.0\.0\.1/);
  }
});

test("a worker that listens on a link-local address is found and reached from another host of the network", async () => {
  await using network = await useHosts(2, { ipv4: false, ipv6: "link-local" });
  await using _leaks = leakCheck();
  const { stdout } = await network
    .host(0)
    .run(process.execPath, [
      "-p",
      'os.networkInterfaces().eth0.find(({ family }) => family === "IPv6").address',
    ]);
  const own = `${stdout.trim()}%eth0`;
  const where = ["--discovery", "lan:link-local"];

  const worker = startOn(network.host(0), [...WORKER, "--host", own, ...where]);
  await eventually(() => worker.said().includes(`[${own}]:`), SOON);
  const doctor = startOn(network.host(1), ["doctor", ...where, "--wait", "6000", "--json"]);
  const [code] = await once(doctor.child, "close");
  const ended = once(worker.child, "close");
  worker.child.kill("SIGTERM");
  await ended;

  assert.equal(code, 0, doctor.said());
  const { workers } = JSON.parse(doctor.said());
  assert.equal(workers.length, 1);
  assert.deepEqual([workers[0].reachable, workers[0].refused], [true, null]);
});
