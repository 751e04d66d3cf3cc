/**
 * Six network workers with mutual TLS behind a network, and one program that calls them all the while, whatever happens
 * to any of it. In the end every call has settled, none has run twice, no answer is wrong, and nothing is left.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { DnsDiscovery, WorkerConnection, WorkerPool } from "merino";
import { grpcChannels } from "../../../src/transport/grpc/channel-pool.ts";
import { Random } from "../../fuzz/random.ts";
import { eventually } from "../../support/eventually.ts";
import { createAuthority } from "../../support/issue-certificate.ts";
import { DNS_DOMAIN, startDnsServer } from "../../support/start-dns-server.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { RotatedPair } from "../rotation/rotated-pair.ts";
import { causeFaults } from "./faults.ts";
import { add, bodies } from "./jobs.ts";
import { ChaosLoad, type SettledCall } from "./load.ts";
import { processesWith } from "./processes.ts";
import { openSeats } from "./seats.ts";
import { judgeCalls } from "./verdict.ts";

const WORKERS = 6;
const NAME = `chaos.${DNS_DOMAIN}`;
/** By which the processes of one run are known. */
const MARK = "CHAOS_RUN";
/** How long things may take to come to rest: probes of the network, and what is kept for a minute twice over. */
const REST = { withinMs: 180_000, everyMs: 100 };

/** How long, and in which order. */
export interface ChaosOptions {
  readonly durationMs: number;
  readonly seed: number;
  /** Whether to wait until workers have nothing open any more: they keep ways to each other for minutes. Default false. */
  readonly patient?: boolean;
  /** The program of `useDnsServer`. */
  readonly dnsServer: string;
}

/** What has come of it. */
export interface ChaosReport {
  readonly settled: readonly SettledCall[];
  /** Faults by their kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Workers that were started, the first six included. */
  readonly workers: number;
  /** Bodies that have started. */
  readonly bodies: number;
  /** Merino's warnings, by their code. */
  readonly warnings: Readonly<Record<string, number>>;
  /** What should not have happened. */
  readonly findings: readonly string[];
}

/** Does all of it. */
export async function runChaos({
  durationMs,
  seed,
  dnsServer,
  patient = false,
}: ChaosOptions): Promise<ChaosReport> {
  const findings: string[] = [];
  using warnings = useWarnings();
  using files = temporaryPackage({});
  const log = files.path("bodies.log");
  writeFileSync(log, "");
  const mark = randomUUID();
  // Away from the addresses that other tests use.
  const net = 1 + (process.pid % 250);
  const hosts = Array.from({ length: WORKERS }, (_, n) => `127.77.${net}.${n + 1}`);
  const parties = {
    authority: createAuthority(),
    stranger: createAuthority().issue({ ips: hosts }),
    ips: hosts,
  };
  const ofWorkers = new RotatedPair(files.path("workers"), "worker", parties);
  const ofCaller = new RotatedPair(files.path("caller"), "caller", parties);
  const { credentials } = ofCaller;
  await using dns = await startDnsServer(dnsServer, { [NAME]: hosts });
  await using network = await openSeats(hosts, findings, (port) => ({
    discovery: `dns:${NAME}:${port}?server=${dns.address}&poll=500`,
    files: ofWorkers.files,
    env: { CHAOS_LOG: log, [MARK]: mark },
    credentials,
  }));
  const { seats, port } = network;
  await Promise.all(seats.map((seat) => seat.start()));

  await using pool = await WorkerPool.open({
    discovery: new DnsDiscovery(NAME, port, { pollInterval: 500, servers: [dns.address] }),
    credentials,
    quorum: WORKERS,
    quorumTimeout: 20_000,
    ambient: false,
  });
  const everyWorkerIsReady = (): string | undefined => {
    const { members } = pool.explain();
    const ready = members.filter(({ state, draining }) => state === "ready" && !draining);
    return ready.length === WORKERS ? undefined : JSON.stringify(pool.explain());
  };
  await add.with({ pool })("first", 1, 1); // which waits for all workers
  using load = new ChaosLoad(pool, seed);
  const over = AbortSignal.timeout(durationMs);
  const faults = await causeFaults({ seats, pairs: [ofWorkers, ofCaller], load, over }, new Random(seed));
  await Promise.all(seats.map((seat) => seat.start()));

  const ended = load.end().then(() => true);
  await Promise.race([ended, pause(REST.withinMs, undefined, { ref: false })]);
  findings.push(...load.pending.map((call) => `has not settled: ${call}`));
  await expect("every worker is a ready member again", everyWorkerIsReady);
  for (const seat of seats) {
    await expect(`no body runs at ${seat.address}`, async () => {
      await using connection = new WorkerConnection(seat.address, { credentials });
      const running = await connection.dispatch(bodies);
      return running === 0 ? undefined : `${running} do`;
    });
  }
  await pool.close();
  await grpcChannels.close();
  for (const seat of patient ? seats : []) {
    await expect(`nothing stays open at ${seat.address}`, () => {
      // The log of the bodies is open for as long as the process lives.
      const opened = seat.opened.filter((target) => !target.endsWith("bodies.log"));
      return opened.length === 0 ? undefined : opened.join(", ");
    });
  }
  for (const seat of seats) seat.signal("SIGTERM", "supervisor");
  await Promise.all(seats.map((seat) => seat.gone()));
  await expect("no process is left", () => processesWith(MARK, mark).join("\n") || undefined);

  const started = readFileSync(log, "utf8").split("\n").filter(Boolean);
  findings.push(...judgeCalls(load.settled, started), ...load.surprises.slice(0, 10));
  findings.push(...warnings.messages.filter((_, index) => warnings.codes[index] === "MERINO_BUG"));
  return {
    settled: load.settled,
    faults,
    workers: seats.reduce((sum, { starts }) => sum + starts, 0),
    bodies: started.length,
    warnings: tally(warnings.codes),
    findings,
  };

  /** Waits until a condition has nothing to say any more; what it says last is a finding. */
  async function expect(
    what: string,
    fault: () => string | undefined | Promise<string | undefined>,
  ): Promise<void> {
    let last: string | undefined;
    await eventually(async () => {
      last = await fault();
      return last === undefined;
    }, REST).catch((error: Error) => {
      findings.push(`not true: ${what}: ${last ?? String(error.cause)}`);
    });
  }
}

/** How often each text occurs. */
export function tally(texts: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
