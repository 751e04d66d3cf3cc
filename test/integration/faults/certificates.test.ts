/** Certificates that end while calls are made: connections that are there go on, new ones wait for a new certificate. */
import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { NoWorkersAvailableError, ProcessWorker, WorkerCredentials, WorkerProxy } from "merino";
import { grpcChannels } from "../../../src/transport/grpc/channel-pool.ts";
import { eventually } from "../../support/eventually.ts";
import { createAuthority, writeCertificate } from "../../support/issue-certificate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { add, count } from "../fixtures/pool-routines.ts";
import { rejection, useEffects } from "../fixtures/pool-support.ts";

const ROUTINES = new URL("../fixtures/pool-routines.ts", import.meta.url);
/** Time enough for a worker to start, to be connected to and called. */
const LIFE_MS = 6_000;

/** Lets the certificate of one side end while calls are made, and then renews it. */
async function endUnderLoad(whose: "worker" | "caller"): Promise<void> {
  using effects = useEffects();
  using folder = temporaryPackage({});
  const farm = createAuthority();
  const endsAtMs = Math.ceil((Date.now() + LIFE_MS) / 1_000) * 1_000;
  const issueFor = (side: "worker" | "caller") => {
    const issued = farm.issue({ ips: ["127.0.0.1"], ...(side === whose && { endsAtMs }) });
    return writeCertificate(folder.path(side), issued);
  };
  const files = { worker: issueFor("worker"), caller: issueFor("caller") };
  const credentials = WorkerCredentials.watch(files.caller);
  await using worker = await ProcessWorker.open({
    host: "127.0.0.1",
    modules: [ROUTINES],
    credentials: WorkerCredentials.watch(files.worker),
  });
  const { socket: _, ...remote } = worker.metadata;
  const open = (quorumTimeout: number) =>
    WorkerProxy.open({ workers: [remote], credentials, quorumTimeout, lazy: false });
  await using connected = await open(20_000);
  const stream = count.with({ pool: connected })(effects.path("count"));
  await stream.next();
  const renewed = new AbortController();
  let calls = 0;
  const load = (async () => {
    for (; !renewed.signal.aborted; calls++) assert.equal(await add.with({ pool: connected })(1, 2), 3);
  })();

  await eventually(() => Date.now() > endsAtMs, { withinMs: 2 * LIFE_MS, everyMs: 50 });
  await using impatient = await open(500);
  await using patient = await open(60_000);
  const waiting = add.with({ pool: patient })(3, 4);
  await eventually(() => impatient.explain().members[0]?.error !== undefined);
  const error = await rejection(add.with({ pool: impatient })(1, 2));
  const callsBefore = calls;
  await eventually(() => calls > callsBefore);
  const { cert, key } = farm.issue({ ips: ["127.0.0.1"] });
  await replaceFile(files[whose].key, key);
  await replaceFile(files[whose].cert, cert);

  assert.equal(await waiting, 7);
  renewed.abort();
  await load;
  assert.deepEqual(await stream.next(), { done: false, value: 1 });
  await stream.return();
  assert.ok(error instanceof NoWorkersAvailableError, String(error));
  const [{ reason, handshake, detail } = assert.fail()] = error.reasons;
  assert.equal(reason, "unreachable");
  if (whose === "worker") assert.equal(handshake, "expired");
  else assert.match(detail, /Cannot use the credentials: .* its time has ended/);
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

test("a certificate that ends under load, of a worker or a caller, ends no connection; new ones are made once it is renewed", async () => {
  await using _leaks = leakCheck();

  await Promise.all([endUnderLoad("worker"), endUnderLoad("caller")]);
  await grpcChannels.close();
});
