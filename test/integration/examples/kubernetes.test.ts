/**
 * The programs of the Kubernetes example without a cluster: two hosts run the command of the manifest's pods, a
 * third has a DNS server that answers as the cluster's would and runs the Job's program. Needs the built
 * package, with its command.
 */
import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import type { IDeployment } from "kubernetes-models/apps/v1";
import type { IJob } from "kubernetes-models/batch/v1";
import { parseAllDocuments } from "yaml";
import { useTool } from "../../support/debian-tool.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { type NetworkHost, useHosts } from "../../support/network-namespaces.ts";
import { ROOT } from "../../support/repository.ts";
import { watchProgram } from "../../support/run-example.ts";

const FOLDER = path.join(ROOT, "examples/kubernetes");
const COMMAND = path.join(ROOT, "dist/cli/merino.js");
/** What the cluster would put in for `$(POD_NAMESPACE)`. */
const POD_NAMESPACE = "default";

const [worker] = (await readManifest<IDeployment>("workers.yaml")).spec?.template.spec?.containers ?? [];
const [program] = (await readManifest<IJob>("caller.yaml")).spec?.template.spec?.containers ?? [];

/** The first document of a file. Its schema is checked in `test/repository/kubernetes.test.ts`. */
async function readManifest<T>(file: string): Promise<T> {
  const [document] = parseAllDocuments(await readFile(path.join(FOLDER, file), "utf8"));
  return document?.toJS() as T;
}

/** Points the programs on a host to a DNS server: what `ip netns exec` shows them as /etc/resolv.conf. */
async function useNameServer(host: NetworkHost, address: string): Promise<AsyncDisposable> {
  const folder = path.join("/etc/netns", host.namespace);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "resolv.conf"), `nameserver ${address}\n`);
  return { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

test("kubernetes: the Job's program finds the Deployment's workers by their name", {
  timeout: 180_000,
}, async () => {
  const dnsmasq = await useTool("dnsmasq", "dnsmasq-base");
  await using network = await useHosts(3);
  const [one, two, caller] = network.hosts;
  assert.ok(one && two && caller);
  await using _resolver = await useNameServer(caller, "127.0.0.1");
  await using leaks = leakCheck({ withinMs: 10_000 });
  const environment = Object.fromEntries(
    (program?.env ?? []).map(({ name, value }) => [name, value?.replace("$(POD_NAMESPACE)", POD_NAMESPACE)]),
  );
  const settings = {
    cwd: FOLDER,
    env: {
      ...environment,
      XDG_RUNTIME_DIR: leaks.runtimeRoot,
      NODE_TEST_CONTEXT: undefined,
      NODE_OPTIONS: undefined,
    },
    stdio: ["ignore" as const, "pipe" as const, "pipe" as const],
  };
  const serve = (host: NetworkHost) => {
    // There the modules have been compiled; here they are as they were written.
    const args = worker?.args?.map((argument) => (argument === "dist/jobs.js" ? "jobs.ts" : argument)) ?? [];
    return watchProgram(host.start(process.execPath, [COMMAND, "worker", ...args], settings));
  };
  await using first = serve(one);
  await using second = serve(two);
  assert.equal((await first.shows(/^\S+:\d+$/m))[0], `${one.ipv4}:7777`);
  assert.equal((await second.shows(/^\S+:\d+$/m))[0], `${two.ipv4}:7777`);
  const records = [one, two].map(({ ipv4 }) => `--host-record=${environment.WORKERS},${ipv4}`);
  const dnsOptions = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--pid-file", "--log-facility=-"];
  await using server = watchProgram(
    caller.start(dnsmasq, [...dnsOptions, "--user=root", "--listen-address=127.0.0.1", ...records], settings),
  );
  await server.shows(/started/, "stderr");

  await using job = watchProgram(caller.startNode(["main.ts"], settings));

  assert.equal(await job.ended, 0, job.stderr);
  // The number of primes below two million.
  assert.match(job.stdout, /^148933 primes below 2000000, counted on 2 workers$/m);
  for (const running of [first, second]) {
    running.process.kill("SIGTERM");
    assert.equal(await running.ended, 0, running.stderr);
  }
});
