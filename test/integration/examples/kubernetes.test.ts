/**
 * The programs of the Kubernetes example without a cluster: two hosts run the command of the manifest's pods, a
 * third has a DNS server that answers as the cluster's would and runs the Job's program; and one worker, whose Secret is
 * renewed as the kubelet does it. Needs the built package, with its command.
 */
import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import type { IDeployment } from "kubernetes-models/apps/v1";
import type { IJob } from "kubernetes-models/batch/v1";
import { StaticDiscovery, WorkerConnection, WorkerCredentials, WorkerProxy } from "merino";
import { parseAllDocuments } from "yaml";
import { countPrimes } from "../../../examples/kubernetes/jobs.ts";
import { grpcChannels } from "../../../src/transport/grpc/channel-pool.ts";
import { useTool } from "../../support/debian-tool.ts";
import { eventually } from "../../support/eventually.ts";
import { healthClient } from "../../support/foreign-health.ts";
import { freePort } from "../../support/free-port.ts";
import { createAuthority, type IssuedCertificate } from "../../support/issue-certificate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { type NetworkHost, useHosts } from "../../support/network-namespaces.ts";
import { ROOT } from "../../support/repository.ts";
import { runCommand, watchProgram } from "../../support/run-example.ts";
import { mountSecret } from "../../support/secret-volume.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

const FOLDER = path.join(ROOT, "examples/kubernetes");
const COMMAND = path.join(ROOT, "dist/cli/merino.js");
/** What the cluster would put in for `$(POD_NAMESPACE)`. */
const POD_NAMESPACE = "default";

const [worker] = (await readManifest<IDeployment>("workers.yaml")).spec?.template.spec?.containers ?? [];
/** Where the pods have their Secrets. */
const MOUNTED = "/etc/merino/tls";
/** The name that the workers' certificate bears. */
const WORKERS = "merino-workers";

const [program] = (await readManifest<IJob>("caller.yaml")).spec?.template.spec?.containers ?? [];

/** The first document of a file. Its schema is checked in `test/repository/kubernetes.test.ts`. */
async function readManifest<T>(file: string): Promise<T> {
  const [document] = parseAllDocuments(await readFile(path.join(FOLDER, file), "utf8"));
  return document?.toJS() as T;
}

/** The arguments of the workers' command, with others in the place of some. */
function workerArguments(replaced: Readonly<Record<string, string>>): string[] {
  // There the modules have been compiled; here they are as they were written.
  const all = Object.entries({ "dist/jobs.js": "jobs.ts", ...replaced });
  return (worker?.args ?? []).map((argument) =>
    all.reduce((text, [from, to]) => text.replace(from, to), argument),
  );
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
  using files = temporaryPackage({});
  const authority = createAuthority();
  const workers = mountSecret(files.path("workers"), authority.issue({ dns: [WORKERS] }));
  const primes = mountSecret(files.path("primes"), authority.issue({ dns: ["primes"] }));
  const environment = Object.fromEntries(
    (program?.env ?? []).map(({ name, value }) => [name, value?.replace("$(POD_NAMESPACE)", POD_NAMESPACE)]),
  );
  const settings = {
    cwd: FOLDER,
    env: {
      ...environment,
      CREDENTIALS: primes.directory,
      XDG_RUNTIME_DIR: leaks.runtimeRoot,
      NODE_TEST_CONTEXT: undefined,
      NODE_OPTIONS: undefined,
    },
    stdio: ["ignore" as const, "pipe" as const, "pipe" as const],
  };
  const serve = (host: NetworkHost) => {
    const args = workerArguments({ [MOUNTED]: workers.directory });
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

test("kubernetes: a Secret that is renewed while calls run is used, and costs no call", {
  timeout: 120_000,
}, async () => {
  await using _leaks = leakCheck({ withinMs: 10_000 });
  using files = temporaryPackage({});
  const authority = createAuthority();
  const issueWorkers = () => authority.issue({ dns: [WORKERS] });
  const issuePrimes = () => authority.issue({ dns: ["primes"] });
  const workers = mountSecret(files.path("workers"), issueWorkers());
  const primes = mountSecret(files.path("primes"), issuePrimes());
  const health = `127.0.0.1:${await freePort()}`;
  const args = workerArguments({
    [MOUNTED]: workers.directory,
    "jobs.ts": path.join(FOLDER, "jobs.ts"),
    "0.0.0.0:9000": health,
    "0.0.0.0": "127.0.0.1",
    "--port=7777": "--port=0",
  });
  await using command = runCommand(process.execPath, [COMMAND, "worker", ...args]);
  const [address] = await command.shows(/^\S+:\d+$/m);
  using kubelet = healthClient(health);
  const probed = kubelet.watch();
  await probed.hears("SERVING");
  const credentials = WorkerCredentials.watch({
    ca: path.join(primes.directory, "ca.crt"),
    cert: path.join(primes.directory, "tls.crt"),
    key: path.join(primes.directory, "tls.key"),
    peers: [WORKERS],
  });
  await using proxy = await WorkerProxy.open({ discovery: new StaticDiscovery([address]), credentials });
  let ending = false;
  const failures: unknown[] = [];
  let counted = 0;
  const load = async (count: () => Promise<number>): Promise<void> => {
    while (!ending) {
      const primesBelow100 = await count().catch((error: unknown) => error);
      if (primesBelow100 !== 25) failures.push(primesBelow100);
      counted += 1;
    }
  };
  const anew = async (): Promise<number> => {
    await using connection = new WorkerConnection(address, { credentials });
    return await connection.dispatch(countPrimes, 0, 100);
  };
  const loads = Promise.all([load(() => countPrimes.with({ pool: proxy })(0, 100)), load(anew), load(anew)]);

  for (let renewal = 0; renewal < 3; renewal++) {
    const renewed = issueWorkers();
    workers.renew(renewed);
    primes.renew(issuePrimes());
    await eventually(
      async () => (await presentedBy(address, issuePrimes())) === renewed.certificate.fingerprint256,
      {
        what: "the worker presents its renewed certificate",
      },
    );
    const before = counted;
    await eventually(() => counted > before + 10);
  }
  ending = true;
  await loads;
  assert.deepEqual(failures, []);

  // The caller uses what is in its Secret as well: of another authority now, of which the worker is none.
  primes.renew(createAuthority().issue({ dns: ["primes"] }));
  const refusal = await eventually(() => anew().then(() => undefined, String), {
    what: "the caller believes in its renewed authority alone",
  });
  assert.match(refusal, /is not signed by an authority that this side knows/);

  assert.deepEqual(probed.told, ["SERVING"]);
  command.process.kill("SIGTERM");
  assert.equal(await command.ended, 0, command.stderr);
  assert.deepEqual(probed.told, ["SERVING", "NOT_SERVING", "UNAVAILABLE"]);
  await grpcChannels.close();
});

/** The fingerprint of the certificate with which a worker answers a new connection. */
function presentedBy(address: string, { ca, cert, key }: IssuedCertificate): Promise<string> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port),
      ca,
      cert,
      key,
      servername: WORKERS,
      ALPNProtocols: ["h2"],
    });
    socket.once("secureConnect", () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}
