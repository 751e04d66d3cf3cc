/** A program that finds the pods behind a headless service and lets them count primes. */
import { DnsDiscovery, WorkerCredentials, WorkerPool } from "merino";
import { countPrimes } from "./jobs.ts";

const {
  WORKERS = "merino-workers.default.svc.cluster.local",
  WORKERS_PORT = "7777",
  CREDENTIALS = "/etc/merino/tls",
} = process.env;
const LIMIT = 2_000_000;
const STEP = 20_000;

const pool = await WorkerPool.open({
  discovery: new DnsDiscovery(WORKERS, Number(WORKERS_PORT)),
  // Read again when the kubelet has renewed them.
  credentials: WorkerCredentials.watch({
    ca: `${CREDENTIALS}/ca.crt`,
    cert: `${CREDENTIALS}/tls.crt`,
    key: `${CREDENTIALS}/tls.key`,
    // Pods are found by their addresses, which are in no certificate.
    peers: ["merino-workers"],
  }),
  // While a new image is being rolled out there are pods of both: only those of this program's own are called.
  build: "same",
  // However many pods there are, this program admits no more than sixteen.
  lease: 16,
  // How long it waits for the first one, for example while the Deployment is scaled up.
  quorumTimeout: 120_000,
});
try {
  const starts = Array.from({ length: LIMIT / STEP }, (_, index) => index * STEP);
  let primes = 0;
  for await (const found of pool.map((from: number) => countPrimes(from, from + STEP), starts, {
    concurrency: 32,
    ordered: false,
  })) {
    primes += found;
  }
  console.log(`${primes} primes below ${LIMIT}, counted on ${pool.workers.length} workers`);
} finally {
  await pool.close();
}
