/**
 * Hosts on a network of their own, made of Linux network namespaces: each has an interface `eth0` that is plugged
 * into one common switch, which is in a namespace too. Nothing is added to the network of the machine itself.
 * Needs root; a test without it fails and says so.
 */
import { type ChildProcess, execFile, execFileSync, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { useTool } from "./debian-tool.ts";
import { eventually } from "./eventually.ts";
import type { RunResult } from "./run-node.ts";
import { TYPESCRIPT_FLAGS } from "./typescript-flags.ts";

/** What the network has. */
export interface HostsOptions {
  /** Whether hosts have IPv4 addresses. Default true. */
  readonly ipv4?: boolean;
  /** Whether hosts have IPv6 addresses; `"link-local"`: those only that each makes up for itself. Default true. */
  readonly ipv6?: boolean | "link-local";
}

/** How a program is started on a host. */
export interface StartOptions {
  readonly cwd?: string;
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: input ignored, output and errors inherited. With `"ipc"` for programs of Node's. */
  readonly stdio?: StdioOptions;
}

/** How a link is cut. */
export interface CutOptions {
  /** True: as behind a switch, where the host's own interface stays up. Default false: the host sees it go. */
  readonly silent?: boolean;
}

/** A host. */
export interface NetworkHost {
  /** Name of its namespace, for `ip -n`. */
  readonly namespace: string;
  /** Its address; empty if the network has none of that family. */
  readonly ipv4: string;
  readonly ipv6: string;
  /**
   * Starts a program on it. What still runs when the hosts are disposed of is killed.
   *
   * @returns The program's own process: a signal sent to it reaches the program.
   */
  start(command: string, args: readonly string[], options?: StartOptions): ChildProcess;
  /** Starts Node with the loader for TypeScript. What this process's test runner has set is left out. */
  startNode(args: readonly string[], options?: StartOptions): ChildProcess;
  /** Runs a program to its end. */
  run(command: string, args: readonly string[]): Promise<RunResult>;
  /** Cuts it off from the others. Resolves when nothing passes any more. */
  cut(options?: CutOptions): Promise<void>;
  /** Ends a cut of either kind. */
  restore(): Promise<void>;
}

/** Hosts, first to last. Disposing kills what runs on them and removes them. */
export interface NetworkHosts extends AsyncDisposable {
  readonly hosts: readonly NetworkHost[];
  /** One of them, counted from 0. */
  host(index: number): NetworkHost;
}

/** Longer ones are refused by `ip netns`, or make messages hard to read. */
const PREFIX = "merino";
const run = promisify(execFile);
let networksMade = 0;

/**
 * Makes hosts that reach one another. Call it before `leakCheck()`.
 *
 * @param count From 1 to 200.
 * @example
 * await using network = await useHosts(2);
 * const worker = network.host(0).startNode(["worker.ts"]);
 * await network.host(1).run("ping", ["-c", "1", network.host(0).ipv4]);
 */
export async function useHosts(count: number, options: HostsOptions = {}): Promise<NetworkHosts> {
  const { ipv4 = true, ipv6 = true } = options;
  const ip = await useTool("ip", "iproute2");
  networksMade += 1;
  const network = `${PREFIX}-${process.pid}-${networksMade}`;
  const made: string[] = [];
  const running = new Set<ChildProcess>();
  const removeAtExit = (): void => {
    for (const namespace of made) quietly(() => execFileSync(ip, ["netns", "del", namespace]));
  };
  process.once("exit", removeAtExit);

  const dispose = async (): Promise<void> => {
    process.off("exit", removeAtExit);
    await Promise.all([...running].map(killed));
    // What the programs have started and left.
    await Promise.all(made.map((namespace) => endRest(ip, namespace)));
    for (const namespace of made.splice(0)) await run(ip, ["netns", "del", namespace]);
  };

  const create = async (namespace: string): Promise<void> => {
    await run(ip, ["netns", "add", namespace]);
    made.push(namespace);
    await run(ip, ["-n", namespace, "link", "set", "lo", "up"]);
  };

  try {
    const hub = `${network}-switch`;
    await create(hub);
    await run(ip, ["-n", hub, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0"]);
    await run(ip, ["-n", hub, "link", "set", "br0", "up"]);
    const hosts: NetworkHost[] = [];
    for (let number = 1; number <= count; number++) {
      const host = describeHost({ ip, network, hub, number, ipv4, ipv6, running });
      await create(host.namespace);
      await plugIn(ip, host, { hub, number, ipv6 });
      hosts.push(host);
    }
    if (ipv6 !== false) await Promise.all(hosts.map((host) => addressesSettled(ip, host)));
    return {
      hosts,
      host(index) {
        const host = hosts[index];
        if (host === undefined) throw new RangeError(`There are ${count} hosts, no number ${index}`);
        return host;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw new Error("Cannot make network namespaces, which takes Linux and root", { cause: error });
  }
}

interface HostPlan {
  readonly ip: string;
  readonly network: string;
  readonly hub: string;
  readonly number: number;
  readonly ipv4: boolean;
  readonly ipv6: boolean | "link-local";
  readonly running: Set<ChildProcess>;
}

function describeHost({ ip, network, hub, number, ipv4, ipv6, running }: HostPlan): NetworkHost {
  const namespace = `${network}-${number}`;
  const port = `port${number}`;
  const start: NetworkHost["start"] = (command, args, options = {}) => {
    const { cwd, env, stdio = ["ignore", "inherit", "inherit"] } = options;
    // `ip` becomes the program: the same process, the same pid.
    const child = spawn(ip, ["netns", "exec", namespace, command, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      stdio,
    });
    running.add(child);
    child.once("close", () => running.delete(child));
    child.once("error", () => running.delete(child));
    return child;
  };
  return {
    namespace,
    ipv4: ipv4 ? `10.77.0.${number}` : "",
    ipv6: ipv6 === true ? `fd77::${number.toString(16)}` : "",
    start,
    startNode(args, options = {}) {
      const env = { NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined, ...options.env };
      return start(process.execPath, [...TYPESCRIPT_FLAGS, ...args], { ...options, env });
    },
    async run(command, args) {
      try {
        const { stdout, stderr } = await run(ip, ["netns", "exec", namespace, command, ...args]);
        return { exitCode: 0, stdout, stderr };
      } catch (error) {
        const { code, stdout = "", stderr = "" } = error as { code?: unknown } & Partial<RunResult>;
        return { exitCode: typeof code === "number" ? code : null, stdout, stderr };
      }
    },
    async cut({ silent = false } = {}) {
      await run(ip, ["-n", hub, "link", "set", port, ...(silent ? ["nomaster"] : ["down"])]);
    },
    async restore() {
      await run(ip, ["-n", hub, "link", "set", port, "master", "br0"]);
      await run(ip, ["-n", hub, "link", "set", port, "up"]);
    },
  };
}

async function plugIn(
  ip: string,
  host: NetworkHost,
  plan: Pick<HostPlan, "hub" | "number" | "ipv6">,
): Promise<void> {
  const { hub, number, ipv6 } = plan;
  const port = `port${number}`;
  const inHost = (...args: readonly string[]) => run(ip, ["-n", host.namespace, ...args]);
  await inHost("link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", hub);
  await run(ip, ["-n", hub, "link", "set", port, "master", "br0", "up"]);
  if (ipv6 === false) await inHost("link", "set", "eth0", "addrgenmode", "none");
  await inHost("link", "set", "eth0", "up");
  if (host.ipv4 !== "") {
    await inHost("addr", "add", `${host.ipv4}/24`, "dev", "eth0");
    await inHost("route", "add", "224.0.0.0/4", "dev", "eth0");
  }
  if (host.ipv6 !== "") await inHost("addr", "add", `${host.ipv6}/64`, "dev", "eth0", "nodad");
}

/** A link-local address cannot be used until the kernel has asked whether somebody else has it. */
async function addressesSettled(ip: string, { namespace }: NetworkHost): Promise<void> {
  const list = (...args: readonly string[]) => run(ip, ["-n", namespace, "-6", "addr", "show", ...args]);
  await eventually(
    async () => {
      const [{ stdout: tentative }, { stdout: local }] = await Promise.all([
        list("tentative"),
        list("dev", "eth0", "scope", "link"),
      ]);
      return tentative === "" && local !== "";
    },
    { withinMs: 15_000, everyMs: 50, what: `the IPv6 addresses of ${namespace} are in use` },
  );
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

async function endRest(ip: string, namespace: string): Promise<void> {
  await eventually(
    async () => {
      const { stdout } = await run(ip, ["netns", "pids", namespace]);
      const pids = stdout.split("\n").filter(Boolean).map(Number);
      for (const pid of pids) quietly(() => process.kill(pid, "SIGKILL"));
      return pids.length === 0;
    },
    { everyMs: 20, what: `nothing runs in ${namespace}` },
  );
}

/** For what may have gone already. */
function quietly(attempt: () => unknown): void {
  try {
    attempt();
  } catch {}
}
