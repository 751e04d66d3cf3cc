/** When announcements are sent, and what they say, on networks in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LanAnnouncer } from "../../../../src/discovery/lan/announcer.ts";
import type {
  Endpoint,
  LanSource,
  OutgoingPacket,
} from "../../../../src/discovery/lan/multicast/endpoint.ts";
import type { LanInterface } from "../../../../src/discovery/lan/multicast/interface.ts";
import type { NetworksListener } from "../../../../src/discovery/lan/multicast/networks.ts";
import type { LanPacket, LanQuestion, LanRecord } from "../../../../src/discovery/lan/multicast/packet.ts";
import { serviceType } from "../../../../src/discovery/lan/service.ts";
import { eventually } from "../../../support/eventually.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const SERVICE = serviceType("thumbs");
const ASKER: LanSource = { address: "10.0.0.9", port: 5_353 };
const STRANGER: LanSource = { address: "10.0.0.9", port: 40_000 };

function lanInterface(name: string, ipv4: string): LanInterface {
  const addresses = { ipv4: [ipv4], ipv6: ["fd00::1"] };
  return { name, family: 4, key: name, internal: false, ...addresses, isOnLink: () => true };
}

interface Sent {
  readonly by: string;
  readonly packet: OutgoingPacket;
  readonly to: LanSource | undefined;
}

/** An announcer on some networks; what it sends is noted. */
function useAnnouncer(interfaces: readonly LanInterface[] = [lanInterface("eth0", "10.0.0.1")]) {
  const clock = useFakeClock();
  const sent: Sent[] = [];
  let listener: NetworksListener | undefined;
  let open = 0;
  const endpoints = interfaces.map(
    (one): Endpoint => ({
      interface: one,
      send: async (packet, to) => void sent.push({ by: one.name, packet, to }),
    }),
  );
  const options = { namespace: "thumbs", advertise: undefined, port: 5_353, lifetimeMs: 60_000 };
  const announcer = new LanAnnouncer({ ...options, clock, random: () => 0 }, (given) => {
    listener = given;
    return {
      open: async () => {
        open += 1;
        for (const endpoint of endpoints) given.up(endpoint);
      },
      endpoints,
      close: async () => {
        open -= 1;
      },
    };
  });
  return {
    announcer,
    clock,
    isOpen: () => open > 0,
    /** What has been sent since the last time. */
    taken: () => sent.splice(0),
    ask: (questions: readonly LanQuestion[], source = ASKER, known: LanPacket["answers"] = []) => {
      const [endpoint] = endpoints;
      assert.ok(endpoint);
      listener?.packet(
        { type: "query", id: 7, questions, answers: known, additionals: [] },
        endpoint,
        source,
      );
    },
    [Symbol.dispose]: () => clock[Symbol.dispose](),
  };
}

const A = workerMetadata({ uid: "a", address: "0.0.0.0:50051" });

function recordsIn(sent: readonly Sent[]): readonly LanRecord[] {
  return sent.flatMap(({ packet }) => ("answers" in packet ? packet.answers : []));
}

function summary(sent: readonly Sent[]): readonly string[] {
  return recordsIn(sent).map(({ type, ttl }) => `${type} ${ttl}`);
}

const ALL = ["PTR 60", "SRV 60", "TXT 60", "A 60"];
const GOODBYE = ["PTR 0", "SRV 0", "TXT 0", "A 0"];

test("LanAnnouncer announces at once, again after a second, and then thrice in each lifetime", async () => {
  using use = useAnnouncer();

  await use.announcer.announce(A);
  assert.deepEqual(summary(use.taken()), ALL);
  await use.clock.advance(1_000);
  assert.ok(summary(use.taken()).length >= 4);
  await use.clock.advance(59_000);
  assert.deepEqual(summary(use.taken()), [...ALL, ...ALL, ...ALL]);

  await use.announcer.close();
});

test("LanAnnouncer announces by every interface, under the addresses of that interface", async () => {
  using use = useAnnouncer([lanInterface("eth0", "10.0.0.1"), lanInterface("wlan0", "192.168.1.1")]);

  await use.announcer.announce({ ...A, address: "[::]:50051" });

  const addresses = use.taken().map((one) => [
    one.by,
    recordsIn([one])
      .filter(({ type }) => type === "A" || type === "AAAA")
      .map(({ data }) => data),
  ]);
  assert.deepEqual(addresses, [
    ["eth0", ["10.0.0.1", "fd00::1"]],
    ["wlan0", ["192.168.1.1", "fd00::1"]],
  ]);
  await use.announcer.close();
});

test("LanAnnouncer sends a change in place, without taking anything back", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  use.taken();

  await use.announcer.announce({ ...A, tags: ["gpu"] });

  const sent = use.taken();
  assert.deepEqual(summary(sent), ALL);
  const text = recordsIn(sent).find((record) => record.type === "TXT");
  assert.ok(Array.isArray(text?.data) && text.data.some((entry) => String(entry) === 'tags=["gpu"]'));
  await use.announcer.close();
});

test("LanAnnouncer takes back twice, the second time when it closes at the latest", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  await use.clock.advance(1_000);
  use.taken();

  await use.announcer.retract(A);
  assert.deepEqual(summary(use.taken()), GOODBYE);
  await use.announcer.close();

  assert.deepEqual(summary(use.taken()), GOODBYE);
  assert.equal(use.isOpen(), false);
  assert.equal(use.clock.timerCount, 0);
});

test("LanAnnouncer answers questions about what it has announced", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  await use.clock.advance(5_000);
  use.taken();

  for (const question of [
    { name: SERVICE, type: "PTR" },
    { name: SERVICE.toUpperCase(), type: "PTR" },
    { name: `a.${SERVICE}`, type: "SRV" },
    { name: `a.${SERVICE}`, type: "TXT" },
    { name: "a.local", type: "A" },
    { name: "a.local", type: "AAAA" },
  ] as const) {
    use.ask([question]);
    await use.clock.advance(500);
    assert.deepEqual(summary(use.taken()), ALL, question.name);
  }
  await use.announcer.close();
});

test("LanAnnouncer answers nothing about others, and nothing that the asker knows", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  await use.clock.advance(5_000);
  use.taken();

  use.ask([
    { name: "_http._tcp.local", type: "PTR" },
    { name: `b.${SERVICE}`, type: "SRV" },
    { name: SERVICE, type: "AAAA" },
  ]);
  use.ask([{ name: SERVICE, type: "PTR" }], ASKER, [
    { type: "PTR", name: SERVICE, ttl: 40, data: `a.${SERVICE}` },
  ]);
  await use.clock.advance(500);

  assert.deepEqual(use.taken(), []);
  await use.announcer.close();
});

test("LanAnnouncer answers any number of questions four times a second at most", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  await use.clock.advance(5_000);
  use.taken();

  for (let ms = 0; ms < 1_000; ms += 10) {
    for (let question = 0; question < 20; question++) use.ask([{ name: SERVICE, type: "PTR" }]);
    await use.clock.advance(10);
  }

  const packets = use.taken().length;
  assert.ok(packets >= 2 && packets <= 5, `${packets} packets`);
  await use.announcer.close();
});

test("LanAnnouncer answers a question among thousands, in whatever case", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  await use.clock.advance(5_000);
  use.taken();
  const others: readonly LanQuestion[] = Array.from({ length: 3_000 }, (_, n) => ({
    name: `b${n}.local`,
    type: "ANY",
  }));

  use.ask([...others, { name: SERVICE.toUpperCase(), type: "PTR" }]);
  await use.clock.advance(500);
  assert.deepEqual(summary(use.taken()), ALL);
  use.ask([...others, { name: "A.LOCAL", type: "AAAA" }], STRANGER);

  const [answer] = use.taken();
  assert.deepEqual(answer?.packet.questions, [{ name: "A.LOCAL", type: "AAAA" }]);
  await use.announcer.close();
});

test("LanAnnouncer answers one who asks from another port there, with the question and a short life", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  await use.clock.advance(1_000);
  use.taken();

  use.ask([{ name: SERVICE, type: "PTR" }], STRANGER);

  const [only, ...others] = use.taken();
  assert.deepEqual(others, []);
  assert.deepEqual(only?.to, STRANGER);
  assert.ok(only && "answers" in only.packet);
  assert.equal(only.packet.id, 7);
  assert.deepEqual(only.packet.questions, [{ name: SERVICE, type: "PTR" }]);
  assert.ok(only.packet.answers.every(({ ttl, flush }) => ttl === 10 && !flush));
  await use.announcer.close();
});

test("LanAnnouncer names its service to those who ask what services there are", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);
  await use.clock.advance(1_000);
  use.taken();

  use.ask([{ name: "_services._dns-sd._udp.local", type: "PTR" }]);

  assert.deepEqual(
    recordsIn(use.taken()).map(({ data }) => data),
    [SERVICE],
  );
  await use.announcer.close();
});

test("LanAnnouncer fills packets without overfilling them", async () => {
  using use = useAnnouncer();
  const uids = Array.from({ length: 50 }, (_, number) => `worker-${number}`);
  for (const uid of uids) await use.announcer.announce({ ...A, uid });
  await use.clock.advance(1_000);
  use.taken();

  await use.clock.advance(500);
  use.ask([{ name: SERVICE, type: "PTR" }]);
  await use.clock.advance(500);
  // Between bursts of packets there is a pause, which is not the fake clock's.
  const packets: Sent[] = [];
  const pointers = () => recordsIn(packets).filter(({ type }) => type === "PTR");
  await eventually(() => {
    packets.push(...use.taken());
    return pointers().length >= uids.length;
  });

  assert.deepEqual(new Set(pointers().map(({ data }) => data)).size, uids.length);
  assert.ok(packets.length > 8 && packets.length < uids.length, `${packets.length} packets`);
  await use.announcer.close();
});

test("LanAnnouncer keeps what it had announced when a change cannot be", async () => {
  using use = useAnnouncer();
  await use.announcer.announce(A);

  await assert.rejects(use.announcer.announce({ ...A, address: "unix:/run/w" }), {
    option: "event.worker.address",
  });
  await assert.rejects(use.announcer.announce({ ...A, uid: "x".repeat(64) }), {
    option: "event.worker.uid",
  });
  await use.clock.advance(5_000);
  use.taken();
  use.ask([{ name: SERVICE, type: "PTR" }]);
  await use.clock.advance(500);

  assert.deepEqual(summary(use.taken()), ALL);
  await use.announcer.close();
});
