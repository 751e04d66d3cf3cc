/** Readers of workers' records: from `describe`, multicast DNS, DNS, and the files of a `LocalDiscovery`. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { type DnsResolver, lookUpWorkers } from "../../../src/discovery/dns/lookup.ts";
import { LanCache } from "../../../src/discovery/lan/cache.ts";
import { readLanPacket } from "../../../src/discovery/lan/multicast/read-packet.ts";
import { serviceType } from "../../../src/discovery/lan/service.ts";
import { decodeLanText, encodeLanText } from "../../../src/discovery/lan/text.ts";
import { AdvertisementDirectory } from "../../../src/discovery/local/advertisement-directory.ts";
import {
  decodeIdleTime,
  decodeStopRequest,
  decodeWorkerMetadata,
  encodeIdleTime,
  encodeStopRequest,
  encodeWorkerMetadata,
} from "../../../src/wire/messages/service-messages.ts";
import { parseWorkerMetadata } from "../../../src/wire/parse-worker-metadata.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import { expectCodes, type FuzzTarget } from "../target.ts";

/** The part of `dns-packet` that `multicast-dns` writes packets with. */
interface DnsPacket {
  encode(packet: unknown): Buffer;
}

const fromHere = createRequire(import.meta.url);
const dnsPacket = createRequire(fromHere.resolve("multicast-dns"))("dns-packet") as DnsPacket;

function anyWorker(random: Random): ReturnType<typeof workerMetadata> {
  return workerMetadata({
    uid: random.pick(["w1", "worker-2", "x".repeat(64)]),
    address: random.pick(["10.0.0.1:50051", "[::1]:1", "unix:/tmp/a", "host.example:7"]),
    tags: random.oneIn(2) ? ["gpu", "zone=a"] : [],
    extra: random.oneIn(2) ? { zone: "a".repeat(random.small(300)) } : {},
    secure: random.oneIn(2),
  });
}

export const serviceMessages: FuzzTarget = {
  name: "service messages",
  share: 8,
  make(random) {
    const message = random.pick([
      () => encodeWorkerMetadata(anyWorker(random)),
      () => encodeStopRequest(random.below(100)),
      () => encodeIdleTime(random.below(100) / 8),
    ])();
    return random.oneIn(6) ? message : mutate(message, random, encodeWorkerMetadata(anyWorker(random)));
  },
  run(bytes) {
    for (const read of [
      () => parseWorkerMetadata(decodeWorkerMetadata(bytes), { unix: false }),
      () => decodeStopRequest(bytes),
      () => decodeIdleTime(bytes),
    ]) {
      try {
        read();
      } catch (error) {
        expectCodes(error, "ERR_MERINO_PROTOCOL");
      }
    }
  },
};

const SERVICE = serviceType("fuzz");

/** Entries of a TXT record, each behind its length in a byte, as DNS has them. */
function joined(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(entries.map((entry) => Buffer.concat([Buffer.of(entry.length), entry])));
}

function entriesIn(bytes: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] as number)) {
    entries.push(bytes.subarray(at + 1, at + 1 + (bytes[at] as number)));
  }
  return entries;
}

function anyText(random: Random): Buffer {
  const entries = [...encodeLanText(anyWorker(random), { namespace: "fuzz", revision: random.small(9) })];
  if (random.oneIn(4)) entries.splice(random.below(entries.length), 1);
  if (random.oneIn(4))
    entries.push(Buffer.from(random.pick(["extra.0={", "tags=[[]]", "pid=1e3", "=", "__proto__=1"])));
  return joined(entries);
}

export const texts: FuzzTarget = {
  name: "TXT records",
  share: 6,
  make: (random) => (random.oneIn(6) ? anyText(random) : mutate(anyText(random), random, anyText(random))),
  run(bytes) {
    const text = decodeLanText(entriesIn(bytes));
    if (text === undefined) return;
    parseWorkerMetadata({ ...text.fields, uid: "w1", address: "10.0.0.1:1" }, { unix: false });
  },
};

function anyPacket(random: Random): Buffer {
  const uid = random.pick(["w1", "w2", "x y"]);
  const name = `${uid}.${SERVICE}`;
  const ttl = random.pick([0, 1, 60, 4_294_967_295]);
  const records = [
    { type: "PTR", name: SERVICE, ttl, data: name },
    { type: "SRV", name, ttl, data: { port: random.below(65_536), target: `${uid.trim()}.local` } },
    { type: "TXT", name, ttl, data: entriesIn(anyText(random)).map((entry) => Buffer.from(entry)) },
    { type: "A", name: `${uid}.local`, ttl, data: "10.0.0.1" },
    { type: "AAAA", name: `${uid}.local`, ttl, data: "fe80::1" },
  ];
  const answers = records.filter(() => !random.oneIn(5));
  return dnsPacket.encode({ type: "response", answers, additionals: random.oneIn(3) ? records : [] });
}

export const multicastPackets: FuzzTarget = {
  name: "multicast DNS",
  share: 6,
  make: (random) =>
    random.oneIn(6) ? anyPacket(random) : mutate(anyPacket(random), random, anyPacket(random)),
  run(bytes) {
    const packet = readLanPacket(Buffer.from(bytes));
    if (packet === undefined) return; // and the endpoint passes over it
    let reported = 0;
    const cache = new LanCache({
      namespace: "fuzz",
      report: () => void reported++,
      warn: () => {},
      now: () => 0,
      rank: () => 0,
    });
    const source = { address: "10.0.0.9", interfaceName: "eth0" };
    cache.accept([...packet.answers, ...packet.additionals], source);
    cache.accept(packet.answers, source);
    if (reported > 100) throw new Error(`${reported} events from one packet`);
  },
};

export const dnsAnswers: FuzzTarget = {
  name: "DNS answers",
  share: 2,
  make(random) {
    const name = (): string =>
      random.pick(["a.example", "", ".", "x".repeat(300), "1.2.3.4", "::1", "a\u0000b"]);
    const srv = Array.from({ length: random.small(6) }, () => ({ name: name(), port: random.below(65_536) }));
    const addresses = Array.from({ length: random.small(4) }, name);
    return Buffer.from(JSON.stringify({ srv, addresses, fails: random.below(8) }));
  },
  async run(bytes) {
    let said: { srv: { name: string; port: number }[]; addresses: string[]; fails: number };
    try {
      said = JSON.parse(Buffer.from(bytes).toString());
    } catch {
      return;
    }
    const answer = async <T>(bit: number, records: T[]): Promise<T[]> => {
      if ((said.fails & bit) !== 0) throw Object.assign(new Error("no"), { code: "ESERVFAIL" });
      return records;
    };
    const resolver: DnsResolver = {
      resolve4: () => answer(1, said.addresses),
      resolve6: () => answer(2, said.addresses),
      resolveSrv: () => answer(4, said.srv),
      cancel: () => {},
    };
    const sought = { name: "_a._tcp.example", service: true, port: undefined, families: [4, 6] as const };
    const { addresses, failure } = await lookUpWorkers(sought as never, resolver);
    if (addresses.length > 2 * said.srv.length * said.addresses.length)
      throw new Error("addresses from nowhere");
    if (said.fails !== 0 && failure === undefined && (said.fails & 4) !== 0)
      throw new Error("a failure was lost");
  },
};

let directory: AdvertisementDirectory | undefined;

/** A directory of this process. */
function useDirectory(): AdvertisementDirectory {
  if (directory === undefined) {
    const files = new AdvertisementDirectory(`fuzz-${process.pid}`);
    mkdirSync(files.path, { recursive: true, mode: 0o700 });
    directory = files;
  }
  return directory;
}

export const registryFiles: FuzzTarget = {
  name: "registry files",
  share: 3,
  make(random) {
    const file = Buffer.from(JSON.stringify(anyWorker(random)));
    if (random.oneIn(8)) return Buffer.from("[".repeat(random.below(60_000)));
    return random.oneIn(6) ? file : mutate(file, random, file);
  },
  run(bytes) {
    const files = useDirectory();
    writeFileSync(join(files.path, "w1.json"), bytes);
    const worker = files.read("w1");
    if (typeof worker === "object" && worker.uid !== "w1") throw new Error("the record of another worker");
  },
  end() {
    if (directory !== undefined) rmSync(directory.path, { recursive: true, force: true });
    directory = undefined;
  },
};
