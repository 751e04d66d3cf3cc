/**
 * SPIFFE credentials that are renewed under load, each side by a program of its own and at a time of its own; the
 * authority is replaced on the way, as SPIRE does it: both are trusted before the first certificate of the new one.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect } from "node:tls";
import { WorkerConnection, WorkerCredentials, WorkerProxy } from "merino";
import { eventually } from "../../support/eventually.ts";
import { type Authority, createAuthority } from "../../support/issue-certificate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { add, caller } from "../network-worker/fixtures/network-routines.ts";
import { startNetworkWorker } from "../network-worker/workers.ts";
import { certManager, type Issued, type SecretWriter, spiffeHelper } from "./secret-writers.ts";

const WRITERS: Readonly<Record<string, readonly [worker: SecretWriter, caller: SecretWriter]>> = {
  "spiffe-helper on both sides": [spiffeHelper, spiffeHelper],
  "a Secret of cert-manager at the worker, spiffe-helper at the caller": [certManager, spiffeHelper],
};

/** A certificate that has no name but its SPIFFE ID, which tells its number. */
function issue(authority: Authority, side: "worker" | "caller", number: number, trusted: string): Issued {
  const issued = authority.issue({ name: "", uris: [`spiffe://farm/${side}/${number}`] });
  return { ...issued, ca: trusted };
}

for (const [name, [writeWorker, writeCaller]] of Object.entries(WRITERS)) {
  test(`${name}: certificates and the authority are renewed while calls are made, and none is lost`, async (context) => {
    await using _leaks = leakCheck({ withinMs: 10_000 });
    using warnings = useWarnings();
    using files = temporaryPackage({});
    const [old, young] = [createAuthority({ name: "old root" }), createAuthority({ name: "new root" })];
    const both = old.ca + young.ca;
    const first = (side: "worker" | "caller"): Issued => issue(old, side, 0, old.ca);
    const ofWorker = writeWorker(files.path("worker"), first("worker"));
    const ofCaller = writeCaller(files.path("caller"), first("caller"));
    await using worker = await startNetworkWorker({
      credentials: WorkerCredentials.watch({ ...ofWorker.paths, peers: ["spiffe://farm/caller/*"] }),
    });
    const credentials = WorkerCredentials.watch({ ...ofCaller.paths, peers: ["spiffe://farm/worker/*"] });
    await using proxy = await WorkerProxy.open({ workers: [worker.remote], credentials });
    const lost: unknown[] = [];
    let [ending, calls, connections] = [false, 0, 0];
    const lane = async (call: () => Promise<boolean>): Promise<void> => {
      while (!ending) {
        const outcome = await call().catch((error: unknown) => error);
        if (outcome !== true) lost.push(outcome);
        calls += 1;
      }
    };
    /** The number of the caller's certificate, as the worker sees it on a new connection. */
    const presented = async (): Promise<string | undefined> => {
      await using connection = new WorkerConnection(worker.remote, { credentials, timeout: 20_000 });
      const { identities } = await connection.dispatch(caller);
      connections += 1;
      return identities?.[0];
    };
    const load = Promise.all([
      lane(async () => (await add.with({ pool: proxy })(1, 2)) === 3),
      lane(async () => (await presented())?.startsWith("spiffe://farm/caller/") === true),
    ]);
    const isUsed = (number: number): Promise<unknown> =>
      eventually(async () => (await presented()) === `spiffe://farm/caller/${number}`, {
        withinMs: 20_000,
        what: `certificate ${number} is presented`,
      });

    // One side after the other, and both at a time.
    await ofCaller.renew(issue(old, "caller", 1, old.ca));
    await ofWorker.renew(issue(old, "worker", 1, old.ca));
    await isUsed(1);
    await Promise.all([
      ofWorker.renew(issue(old, "worker", 2, both)),
      ofCaller.renew(issue(old, "caller", 2, both)),
    ]);
    await isUsed(2);
    // As SPIRE does by waiting: no certificate of the new authority before the other side trusts that. The worker is
    // known to once it presents one itself.
    await eventually(async () => (await credentials.trust.current()).ca?.includes(young.ca) === true);
    const probe = issue(old, "caller", 0, both);
    await ofWorker.renew(issue(young, "worker", 3, both));
    await eventually(
      async () => (await presentedBy(worker.metadata.address, probe)) === "spiffe://farm/worker/3",
    );
    await ofCaller.renew(issue(young, "caller", 3, both));
    await isUsed(3);
    await ofCaller.renew(issue(young, "caller", 4, young.ca));
    await ofWorker.renew(issue(young, "worker", 4, young.ca));
    await isUsed(4);
    const before = calls;
    await eventually(() => calls > before + 20);
    ending = true;
    await load;

    context.diagnostic(`${calls} calls, ${connections} connections`);
    assert.deepEqual(lost.map(String), []);
    // Where the machine is busy, files may be seen torn for as long as is warned of.
    assert.deepEqual(
      warnings.codes.filter((code) => code !== "MERINO_CREDENTIALS_NOT_RENEWED"),
      [],
    );
  });
}

/** The name of the certificate with which a worker answers a new connection. */
async function presentedBy(address: string, { ca, cert, key }: Issued): Promise<string | undefined> {
  const [host = "", port] = address.split(":");
  const own = { ca, cert, key, ALPNProtocols: ["h2"] };
  const socket = connect({ host, port: Number(port), ...own, checkServerIdentity: () => undefined });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerX509Certificate()?.subjectAltName?.replace(/^URI:/, "");
  } finally {
    socket.destroy();
  }
}
