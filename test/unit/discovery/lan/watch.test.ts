/** What a watch asks, on networks in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiscoveryEvent } from "../../../../src/discovery/discovery.ts";
import type { Endpoint, OutgoingPacket } from "../../../../src/discovery/lan/multicast/endpoint.ts";
import { type LanInterface, selectInterfaces } from "../../../../src/discovery/lan/multicast/interface.ts";
import type { NetworksListener } from "../../../../src/discovery/lan/multicast/networks.ts";
import { serviceType } from "../../../../src/discovery/lan/service.ts";
import { LanWatch, rankOf } from "../../../../src/discovery/lan/watch.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const SERVICE = serviceType("thumbs");

function interfaces(...cidrs: readonly string[]): readonly LanInterface[] {
  const addresses = cidrs.map((cidr) => {
    const [address = ""] = cidr.split("/");
    const common = { address, netmask: "", mac: "", internal: false, cidr };
    return address.includes(":")
      ? { ...common, family: "IPv6" as const, scopeid: 0 }
      : { ...common, family: "IPv4" as const };
  });
  return selectInterfaces({ eth0: addresses });
}

/** A running watch and what it has asked. */
function useWatch() {
  const clock = useFakeClock();
  const asked: { readonly atMs: number; readonly packet: OutgoingPacket }[] = [];
  const events: DiscoveryEvent[] = [];
  const controller = new AbortController();
  let listener: NetworksListener | undefined;
  const [eth0] = interfaces("10.0.0.9/24");
  assert.ok(eth0);
  const endpoint: Endpoint = {
    interface: eth0,
    send: async (packet) => void asked.push({ atMs: clock.now(), packet }),
  };
  const watch = new LanWatch(
    { namespace: "thumbs", clock },
    (event) => void events.push(event),
    (given) => {
      listener = given;
      return { open: async () => given.up(endpoint), endpoints: [endpoint], close: async () => {} };
    },
  );
  const finished = watch.run(controller.signal);
  return {
    clock,
    asked,
    events,
    endpoint,
    listener: () => listener,
    async stop() {
      controller.abort();
      await finished;
    },
  };
}

test("LanWatch asks at once and ever less often, but once a minute at least", async () => {
  const { clock, asked, stop } = useWatch();
  const startMs = clock.now();
  await clock.advance(0);

  await clock.advance(300_000);

  const askedAtS = asked.map(({ atMs }) => (atMs - startMs) / 1_000);
  assert.deepEqual(askedAtS, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
  assert.deepEqual(asked[0]?.packet, { questions: [{ name: SERVICE, type: "PTR" }] });
  await stop();
  assert.equal(clock.timerCount, 0);
});

test("LanWatch asks a network that comes up at once", async () => {
  const { clock, asked, endpoint, listener, stop } = useWatch();
  await clock.advance(100_000);
  const before = asked.length;

  listener()?.up(endpoint);
  await clock.advance(1_000);

  assert.equal(asked.length, before + 2);
  await stop();
});

test("LanWatch asks soon for what is missing of a worker", async () => {
  const { clock, asked, endpoint, listener, stop } = useWatch();
  await clock.advance(0);
  asked.length = 0;

  listener()?.packet(
    {
      type: "response",
      id: 0,
      questions: [],
      answers: [{ type: "PTR", name: SERVICE, ttl: 60, data: `a.${SERVICE}` }],
      additionals: [],
    },
    endpoint,
    { address: "10.0.0.1", port: 5_353 },
  );
  await clock.advance(200);

  assert.deepEqual(
    asked.map(({ packet }) => packet),
    [
      {
        questions: [
          { name: `a.${SERVICE}`, type: "SRV" },
          { name: `a.${SERVICE}`, type: "TXT" },
        ],
      },
    ],
  );
  await stop();
});

test("LanWatch does not take what is in questions for answers", async () => {
  const { clock, events, endpoint, listener, stop } = useWatch();
  await clock.advance(0);

  listener()?.packet(
    {
      type: "query",
      id: 0,
      questions: [],
      answers: [{ type: "PTR", name: SERVICE, ttl: 60, data: `a.${SERVICE}` }],
      additionals: [],
    },
    endpoint,
    { address: "10.0.0.1", port: 5_353 },
  );
  await clock.advance(1_000);

  assert.deepEqual(events, []);
  await stop();
});

test("rankOf prefers what is on a network of this host, then what is of a family it has", () => {
  const order = (addresses: readonly string[], ...cidrs: readonly string[]) => {
    const endpoints = interfaces(...cidrs).map((one) => ({ interface: one }));
    return [...addresses].sort((one, other) => rankOf(one, endpoints) - rankOf(other, endpoints));
  };
  const all = ["203.0.113.7", "fe80::7%eth0", "2001:db8::7", "fd00::7", "10.0.0.7"];

  assert.deepEqual(order(all, "10.0.0.9/24", "fd00::9/64"), [
    "10.0.0.7",
    "fd00::7",
    "fe80::7%eth0",
    "203.0.113.7",
    "2001:db8::7",
  ]);
  assert.deepEqual(order(["10.0.0.7", "2001:db8::7"], "fd00::9/64"), ["2001:db8::7", "10.0.0.7"]);
  assert.deepEqual(order(["2001:db8::7", "203.0.113.7"], "10.0.0.9/24"), ["203.0.113.7", "2001:db8::7"]);
});
