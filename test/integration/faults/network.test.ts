/**
 * Networks that lose packets, and hosts that can no longer reach each other, in one direction or both: every call
 * settles, none runs twice, and workers that can be reached again are called again.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { type NetworkHost, useHosts } from "../../support/network-namespaces.ts";
import { ROOT_ONLY } from "../../support/root-only.ts";
import { useEffects } from "../fixtures/pool-support.ts";
import { startHostCaller, startHostWorker } from "./processes.ts";

const run = promisify(execFile);

/** Two seconds until a caller gives up a worker that is silent: packets that are lost are sent again before. */
const PROBES = ["--keepalive-time", "500", "--keepalive-timeout", "1500"];
/** Far more than that, and than a worker takes to be called again: for the time that a busy machine adds. */
const SOON = { withinMs: 30_000, everyMs: 50 };
/** Much more than a queue of the network holds. */
const LARGE = "merino ".repeat(40_000);

test("a network", ROOT_ONLY, async (t) => {
  await using network = await useHosts(3, { ipv6: false });
  await using _leaks = leakCheck();
  using effects = useEffects();
  await using first = await startHostWorker(network.host(0), PROBES);
  await using second = await startHostWorker(network.host(1), PROBES);
  const addresses = [first.address, second.address];
  await using caller = await startHostCaller(network.host(2), addresses);

  const bothReady = (): Promise<unknown> =>
    eventually(
      async () => {
        const states = await caller.states();
        return addresses.every((address) => states[address] === "ready");
      },
      { ...SOON, what: "both workers can be called" },
    );

  /** Calls that return their numbers, and leave them in a file, where the bodies are counted. */
  const markAll = async (log: string, count: number) => {
    const outcomes = await Promise.all(
      Array.from({ length: count }, (_, n) => caller.call("mark", effects.path(log), n, n % 20)),
    );
    const bodies = effects.lines(log).map(Number);
    assert.equal(new Set(bodies).size, bodies.length, "some body ran twice");
    return { outcomes, bodies };
  };

  /** Calls that do not end, at least one on each worker. */
  const holdBoth = async (log: string) => {
    const held: ReturnType<typeof caller.call>[] = [];
    await eventually(() => {
      const pids = effects.lines(log);
      if (pids.length === held.length) held.push(caller.call("hang", effects.path(log)));
      return new Set(pids).size === 2;
    }, SOON);
    return held;
  };

  const assertAllReturned = ({ outcomes, bodies }: Awaited<ReturnType<typeof markAll>>): void => {
    const numbers = outcomes.map((_, n) => n);
    assert.deepEqual(
      outcomes.map(({ value }) => value),
      numbers,
    );
    assert.deepEqual(
      bodies.toSorted((a, b) => a - b),
      numbers,
    );
  };

  await t.test(
    "that loses one packet in twenty each way, and holds up the others, delays calls and no more",
    async () => {
      const hosts = network.hosts;
      await Promise.all(hosts.map(spoilLink));

      const [marked, large] = await Promise.all([markAll("lossy", 200), caller.call("add", LARGE, LARGE)]);
      const dropped = await Promise.all(hosts.map(droppedPackets));
      await Promise.all(hosts.map(mendLink));

      assertAllReturned(marked);
      assert.equal(large.value, LARGE + LARGE);
      assert.ok(dropped.some((count) => count > 0));
    },
  );

  const cuts: Readonly<Record<string, (host: NetworkHost, cut: boolean) => Promise<void>>> = {
    "in both directions": (host, cut) => (cut ? host.cut({ silent: true }) : host.restore()),
    "from the worker to the caller": (host, cut) => deafen(host, network.host(2), cut),
    "from the caller to the worker": (host, cut) => deafen(network.host(2), host, cut),
  };

  for (const [way, setCut] of Object.entries(cuts)) {
    await t.test(
      `that is cut ${way} loses the calls on that worker, and no others, until it is mended`,
      async () => {
        const held = await holdBoth(`held-${way}`);

        await setCut(network.host(0), true);
        const [lost, during] = await Promise.all([Promise.race(held), markAll(`during-${way}`, 100)]);
        const meanwhile = await markAll(`meanwhile-${way}`, 50);
        await setCut(network.host(0), false);
        await bothReady();
        const later = await markAll(`later-${way}`, 50);

        assert.deepEqual([lost.code, lost.reason], ["ERR_MERINO_WORKER_LOST", "lost"], lost.message);
        for (const [n, { value, code, message }] of during.outcomes.entries()) {
          assert.ok(value === n || code === "ERR_MERINO_WORKER_LOST", `${value} ${message}`);
        }
        assertAllReturned(meanwhile);
        assertAllReturned(later);
      },
    );
  }

  await t.test("on which a worker has died unheard leads to its successor at the same address", async () => {
    const held = await holdBoth("unheard");

    await network.host(0).cut({ silent: true });
    await first.kill();
    await network.host(0).restore();
    const lost = await Promise.race(held);
    const port = first.address.split(":")[1] ?? "";
    await using _successor = await startHostWorker(network.host(0), [...PROBES, "--port", port]);
    await bothReady();
    const later = await markAll("successor", 50);

    assert.deepEqual([lost.code, lost.reason], ["ERR_MERINO_WORKER_LOST", "lost"], lost.message);
    assertAllReturned(later);
  });

  await t.test("on which a caller has died unheard leaves its tasks on no worker", async () => {
    // It has patience for ten times as long.
    const impatient = ["--keepalive-time", "300", "--keepalive-timeout", "300"];
    await using worker = await startHostWorker(network.host(1), impatient);
    await using victim = await startHostCaller(network.host(2), [worker.address]);
    void victim.call("untilAborted", effects.path("left"));
    await eventually(() => effects.lines("left").includes("started"), SOON);

    await network.host(2).cut({ silent: true });
    await victim.kill();

    await eventually(() => effects.lines("left").includes("aborted"), SOON);
  });
});

/** Whatever `from` sends to `to` is addressed to an interface that nobody has. */
async function deafen(from: NetworkHost, to: NetworkHost, deaf: boolean): Promise<void> {
  const neighbour = deaf
    ? ["replace", to.ipv4, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent"]
    : ["del", to.ipv4, "dev", "eth0"];
  await run("ip", ["-n", from.namespace, "neigh", ...neighbour]);
}

/** One random number of 32 bits in twenty is below this. */
const LOSS = Math.round(2 ** 32 / 20);

/**
 * Loses packets that arrive, and sends at most 8 Mbit/s, in a queue of 100 ms. Not by netem, which many kernels lack:
 * the filter is a program that drops (2) if a random number is small, and else has no opinion.
 */
async function spoilLink(host: NetworkHost): Promise<void> {
  const tc = (...args: readonly string[]) => host.run("tc", args);
  const program = ["32 0 0 4294963256", `53 1 0 ${LOSS}`, "6 0 0 2", "6 0 0 4294967295"];
  for (const command of [
    "qdisc add dev eth0 root tbf rate 8mbit burst 16kb latency 100ms",
    "qdisc add dev eth0 clsact",
  ]) {
    const { exitCode, stderr } = await tc(...command.split(" "));
    assert.equal(exitCode, 0, stderr);
  }
  const { exitCode, stderr } = await tc(
    ..."filter add dev eth0 ingress bpf direct-action bytecode".split(" "),
    [program.length, ...program].join(","),
  );
  assert.equal(exitCode, 0, stderr);
}

async function droppedPackets(host: NetworkHost): Promise<number> {
  const { stdout } = await host.run("tc", ["-s", "qdisc", "show", "dev", "eth0", "clsact"]);
  return Number(/dropped (\d+)/.exec(stdout)?.[1]);
}

async function mendLink(host: NetworkHost): Promise<void> {
  await host.run("tc", ["qdisc", "del", "dev", "eth0", "root"]);
  await host.run("tc", ["qdisc", "del", "dev", "eth0", "clsact"]);
}
