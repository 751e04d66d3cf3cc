/** What becomes of a pair whose end has come while the files that should have replaced it are torn. */
import { CredentialsError, WorkerCredentials, type WorkerMetadata } from "merino";
import { handshakeReason } from "../../../src/errors/handshake-error.ts";
import { eventually } from "../../support/eventually.ts";
import type { Authority } from "../../support/issue-certificate.ts";
import { callOnce, materialOf, serveTls, trustOfMaterial } from "../../support/serve-tls.ts";
import { pairOfCaller, pairOfWorker } from "./probe.ts";
import type { RotatedPair } from "./rotated-pair.ts";

/** How long the last pair may be used: time for both sides to take it. Where the machine is slow, longer. */
const LASTS_MS = 3_000;
const PATIENT = { withinMs: 20_000, everyMs: 20 };

/** How each attempt to make a connection with the old pair has ended. */
export interface OldMaterialOutcomes {
  /** The caller, whose files are torn, by itself. */
  readonly callerItself: string;
  /** Whether that says what is wrong with its files. */
  readonly callerSaysWhy: boolean;
  /** The worker, whose files are torn, towards a caller with a pair that lasts. */
  readonly workerItself: string;
  /** A worker with a pair that lasts, towards a caller that goes on using the old one. */
  readonly callerByWorker: string;
  /** A caller with a pair that lasts, towards a worker that goes on using the old one. */
  readonly workerByCaller: string;
  /** Whether both sides use what is in their files once these are whole again. */
  readonly wholeAgain: boolean;
}

/** Lets a pair of each side end, and mends the files after that. */
export async function outliveMaterial(
  worker: WorkerMetadata,
  { authority, ...sides }: { authority: Authority; worker: RotatedPair; caller: RotatedPair },
): Promise<OldMaterialOutcomes> {
  const { address } = worker;
  const lasting = authority.issue({ uris: ["spiffe://farm/caller/0"] });
  const lastingTrust = WorkerCredentials.fromPem({
    ca: authority.ca,
    cert: lasting.cert,
    key: lasting.key,
  }).trust;
  const pairs = [sides.worker, sides.caller];
  const inUse = async (): Promise<boolean> =>
    (await pairOfWorker(worker, lasting)) === sides.worker.number &&
    (await pairOfCaller(worker, sides.caller)) === sides.caller.number;
  let endsAtMs = 0;
  for (let lastsMs = LASTS_MS; Date.now() >= endsAtMs; lastsMs *= 2) {
    endsAtMs = Math.ceil((Date.now() + lastsMs) / 1000) * 1000;
    await Promise.all(pairs.map((pair) => pair.replace({ endsAtMs })));
    await eventually(async () => Date.now() >= endsAtMs || (await inUse()), PATIENT);
  }
  const [ofWorker, ofCaller] = [sides.worker.pair, sides.caller.pair];
  for (const pair of pairs) pair.tear("wrong pair");
  await eventually(() => Date.now() > endsAtMs, PATIENT);

  const { trust } = sides.caller.credentials;
  const own: unknown = await callOnce(address, { trust }).catch((error: unknown) => error);
  const workerItself = await outcomeOf(pairOfWorker(worker, lasting));
  // One side after the other is whole again; the old pair is what its own side no longer offers.
  await sides.worker.replace();
  await eventually(async () => (await pairOfWorker(worker, lasting)) === sides.worker.number, PATIENT);
  const expired = trustOfMaterial(materialOf(ofCaller, authority.ca), { mutual: true });
  const callerByWorker = await outcomeOf(callOnce(address, { trust: expired }));
  const material = materialOf(ofWorker, authority.ca);
  await using server = await serveTls({ policy: { mutual: true }, material });
  const workerByCaller = await outcomeOf(callOnce(server.address, { trust: lastingTrust }));
  await sides.caller.replace();
  await eventually(inUse, PATIENT);

  return {
    callerItself: own instanceof CredentialsError ? own.reason : String(own),
    callerSaysWhy: own instanceof CredentialsError && own.cause instanceof CredentialsError,
    workerItself,
    callerByWorker,
    workerByCaller,
    wholeAgain: await inUse(),
  };
}

async function outcomeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "connected",
    (error: unknown) => handshakeReason(error) ?? (error instanceof Error ? error.message : String(error)),
  );
}
