/** A real DNS server (Debian's dnsmasq) on a loopback port, whose records a test changes under way. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useTool } from "./debian-tool.ts";
import { eventually } from "./eventually.ts";

/** The domain it answers for: names in it without records do not exist. */
export const DNS_DOMAIN = "merino.test";

/** Names to addresses, IPv4 or IPv6. */
export type HostRecords = Readonly<Record<string, readonly string[]>>;

/** An SRV record. */
export interface ServiceRecord {
  readonly name: string;
  readonly target: string;
  readonly port: number;
}

/** Such a server. Disposing ends it and removes its files. */
export interface DnsServer extends AsyncDisposable {
  /** As `servers` of `DnsDiscovery` takes it. */
  readonly address: string;
  /** Replaces all A and AAAA records. Takes effect a moment later. */
  publish(records: HostRecords): void;
  /** Ends it: questions get no answer until {@link DnsServer.start}. */
  stop(): Promise<void>;
  /** Starts it again with the records last published. */
  start(services?: readonly ServiceRecord[]): Promise<void>;
}

/**
 * Finds the program, installing it if need be. Call it before `leakCheck()`.
 *
 * @returns What `startDnsServer` wants.
 */
export function useDnsServer(): Promise<string> {
  return useTool("dnsmasq", "dnsmasq-base");
}

/** Starts a server; resolves once it answers. SRV records are fixed from one start to the next. */
export async function startDnsServer(
  program: string,
  records: HostRecords,
  services: readonly ServiceRecord[] = [],
): Promise<DnsServer> {
  const directory = mkdtempSync(join(tmpdir(), "merino-dns-"));
  const hosts = join(directory, "hosts");
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> | undefined;

  function write(all: HostRecords): void {
    const lines = Object.entries(all).flatMap(([name, ips]) => ips.map((ip) => `${ip} ${name}`));
    writeFileSync(hosts, `127.0.0.1 ready.${DNS_DOMAIN}\n${lines.join("\n")}\n`);
  }

  const server: DnsServer = {
    address,
    publish(all) {
      write(all);
      child?.kill("SIGHUP");
    },
    async stop() {
      child?.kill("SIGKILL");
      await ended;
      child = undefined;
    },
    async start(srv = services) {
      child = spawn(
        program,
        [
          "--keep-in-foreground",
          "--conf-file=/dev/null",
          "--pid-file",
          `--log-facility=${join(directory, "log")}`,
          "--user=root",
          "--no-resolv",
          "--no-hosts",
          `--addn-hosts=${hosts}`,
          "--listen-address=127.0.0.1",
          "--bind-interfaces",
          `--port=${port}`,
          `--local=/${DNS_DOMAIN}/`,
          ...srv.map((record) => `--srv-host=${record.name},${record.target},${record.port}`),
        ],
        { stdio: ["ignore", "ignore", "inherit"] },
      );
      ended = once(child, "exit");
      await eventually(() => answers(address), { what: `an answer of the DNS server at ${address}` });
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(directory, { recursive: true });
    },
  };
  write(records);
  await server.start();
  return server;
}

async function answers(address: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: 250, tries: 1 });
  resolver.setServers([address]);
  return (await resolver.resolve4(`ready.${DNS_DOMAIN}`)).length === 1;
}

/** A port that is free for both TCP and UDP. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const tcp = createServer().listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const { port } = tcp.address() as { port: number };
    const udp = createSocket("udp4");
    try {
      udp.bind(port, "127.0.0.1");
      await once(udp, "listening");
      return port;
    } catch {
      // Taken by somebody's datagrams: another one.
    } finally {
      udp.close();
      await new Promise((resolve) => tcp.close(resolve));
    }
  }
  throw new Error("Found no free port");
}
