/** What becomes of records that have been heard. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DiscoveryEvent } from "../../../../src/discovery/discovery.ts";
import { LanCache } from "../../../../src/discovery/lan/cache.ts";
import type { HeardRecord } from "../../../../src/discovery/lan/multicast/packet.ts";
import { MAX_LIFETIME_MS } from "../../../../src/discovery/lan/record-life.ts";
import { serviceType } from "../../../../src/discovery/lan/service.ts";
import { encodeLanText } from "../../../../src/discovery/lan/text.ts";
import type { LanWarning } from "../../../../src/discovery/lan/warnings.ts";
import { collidingNamespaces } from "../../../support/namespaces.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const SERVICE = serviceType("thumbs");
const HOST = "10.0.0.1";

/** A cache whose time is moved by hand. */
function useCache(namespace = "thumbs", rank: (address: string) => number = () => 0) {
  const events: DiscoveryEvent[] = [];
  const warnings: LanWarning[] = [];
  const time = { ms: 0 };
  const cache = new LanCache({
    namespace,
    report: (event) => void events.push(event),
    warn: (warning) => void warnings.push(warning),
    now: () => time.ms,
    rank,
  });
  return {
    cache,
    events,
    warnings,
    time,
    log: () => events.map(({ type, worker }) => `${type.slice("worker-".length)} ${worker.uid}`),
    hear: (records: readonly HeardRecord[], address = HOST) =>
      cache.accept(records, { address, interfaceName: "eth0" }),
  };
}

interface Announcement {
  readonly tags?: readonly string[];
  readonly ttl?: number;
  readonly address?: string;
  readonly target?: string;
  readonly namespace?: string;
  readonly revision?: number;
}

function pointer(uid: string, ttl = 60): HeardRecord {
  return { type: "PTR", name: SERVICE, ttl, data: `${uid}.${SERVICE}` };
}

function service(uid: string, { ttl = 60, target = `${uid}.local` }: Announcement = {}): HeardRecord {
  return { type: "SRV", name: `${uid}.${SERVICE}`, ttl, data: { port: 50_051, target } };
}

function text(uid: string, options: Announcement = {}): HeardRecord {
  const { ttl = 60, tags = [], namespace = "thumbs", revision } = options;
  const entries = encodeLanText(workerMetadata({ uid, tags }), { namespace, revision: revision ?? 0 });
  // As other implementations do: without.
  const data = entries.filter((entry) => revision !== undefined || !String(entry).startsWith("revision="));
  return { type: "TXT", name: `${uid}.${SERVICE}`, ttl, data };
}

function address(name: string, data: string, ttl = 60): HeardRecord {
  return { type: data.includes(":") ? "AAAA" : "A", name, ttl, data };
}

function announcement(uid: string, options: Announcement = {}): HeardRecord[] {
  const { ttl = 60, target = `${uid}.local` } = options;
  const host = address(target, options.address ?? "10.0.0.1", ttl);
  return [pointer(uid, ttl), service(uid, options), text(uid, options), host];
}

test("LanCache reports a worker once it is complete, in whatever order its records come", () => {
  const parts = announcement("a");
  for (const order of [
    [0, 1, 2, 3],
    [2, 1, 3, 0],
    [1, 2, 3, 0],
    [0, 2, 1, 3],
  ]) {
    const { hear, events } = useCache();

    for (const index of order) hear([parts[index] ?? pointer("x")]);

    assert.deepEqual(
      events.map(({ worker }) => worker),
      [workerMetadata({ uid: "a", address: "10.0.0.1:50051" })],
    );
  }
});

test("LanCache reports changes, and nothing for what is repeated", () => {
  const { hear, events, log } = useCache();

  hear(announcement("a"));
  hear(announcement("a"));
  hear(announcement("a", { tags: ["gpu"] }));
  hear([text("a", { tags: ["gpu"] })]);

  assert.deepEqual(log(), ["added a", "updated a"]);
  assert.deepEqual(events[1]?.worker.tags, ["gpu"]);
});

for (const [what, goodbye] of [
  ["pointer", pointer("a", 0)],
  ["service", service("a", { ttl: 0 })],
  ["text", text("a", { ttl: 0 })],
] as const) {
  test(`LanCache drops a worker whose ${what} is taken back`, () => {
    const { hear, log, cache } = useCache();
    hear(announcement("a"));

    hear([goodbye]);

    assert.deepEqual(log(), ["added a", "dropped a"]);
    assert.equal(cache.size, 0);
  });
}

test("LanCache drops a worker when its announcement lapses, and asks before", () => {
  const { hear, log, cache, time } = useCache();
  hear(announcement("a", { ttl: 60 }));

  const askedAtMs: number[] = [];
  for (; time.ms < 60_000; time.ms += 500) {
    const questions = cache.tick();
    if (questions.length === 0) continue;
    askedAtMs.push(time.ms);
    assert.deepEqual(questions.map(({ type }) => type).sort(), ["A", "AAAA", "SRV", "TXT"]);
  }
  assert.deepEqual(log(), ["added a"]);
  cache.tick();

  assert.deepEqual(askedAtMs, [48_000, 54_000, 57_000]);
  assert.deepEqual(log(), ["added a", "dropped a"]);
  assert.equal(cache.size, 0);
});

test("LanCache keeps a worker that is repeated in time", () => {
  const { hear, log, cache, time } = useCache();
  for (; time.ms < 600_000; time.ms += 20_000) {
    hear(announcement("a", { ttl: 60 }));
    assert.deepEqual(cache.tick(), []);
  }

  assert.deepEqual(log(), ["added a"]);
});

test("LanCache lets no announcement count for longer than two minutes", () => {
  const { hear, log, cache, time } = useCache();
  hear(announcement("a", { ttl: 4_500 }));

  time.ms = MAX_LIFETIME_MS;
  cache.tick();

  assert.deepEqual(log(), ["added a", "dropped a"]);
});

test("LanCache asks for what is missing of a worker, a few times, and forgets it in the end", () => {
  const { hear, cache, time, log } = useCache();
  hear([pointer("a", 4_500)]);

  let asked = 0;
  for (; time.ms <= MAX_LIFETIME_MS; time.ms += 500) asked += cache.tick().length;

  assert.equal(asked, 4 * 2);
  assert.equal(cache.size, 0);
  assert.deepEqual(log(), []);
});

test("LanCache asks for addresses of a host that has told none", () => {
  const { hear, cache, log } = useCache();
  hear([pointer("a"), service("a", { target: "box.local" }), text("a")]);

  const questions = cache.tick();
  hear([address("BOX.local", "10.0.0.9")]);

  assert.ok(questions.some(({ name, type }) => name === "box.local" && type === "A"));
  assert.deepEqual(log(), ["added a"]);
});

test("LanCache leaves a name that is none of multicast DNS's to the resolver", () => {
  const { hear, events } = useCache();

  hear([pointer("a"), service("a", { target: "gpu.example.org" }), text("a")]);

  assert.equal(events[0]?.worker.address, "gpu.example.org:50051");
});

test("LanCache prefers the address of the lowest rank, and stays with it among equals", () => {
  const ranks: Readonly<Record<string, number>> = {
    "10.0.0.1": 3,
    "10.0.0.2": 0,
    "10.0.0.3": 0,
    "fd00::1": 1,
  };
  const { hear, events } = useCache("thumbs", (one) => ranks[one] ?? 9);

  hear(announcement("a", { address: "10.0.0.1" }));
  hear([address("a.local", "fd00::1")]);
  hear([address("a.local", "10.0.0.3")]);
  hear([address("a.local", "10.0.0.2")]);

  assert.deepEqual(
    events.map(({ worker }) => worker.address),
    ["10.0.0.1:50051", "[fd00::1]:50051", "10.0.0.3:50051"],
  );
});

test("LanCache gives a link-local address the zone of the interface by which it came", () => {
  const { hear, events } = useCache();

  hear(announcement("a", { address: "fe80::1" }), "fe80::1%eth0");

  assert.equal(events[0]?.worker.address, "[fe80::1%eth0]:50051");
});

test("LanCache takes another address of the same host for that host", () => {
  const { hear, log, warnings } = useCache();

  hear(announcement("a"), "10.0.0.1");
  hear(announcement("a"), "fe80::1%eth0");
  hear(announcement("a", { tags: ["gpu"] }), "fe80::1%eth0");
  hear([pointer("a", 0)], "10.0.0.1");

  assert.deepEqual(log(), ["added a", "updated a", "dropped a"]);
  assert.deepEqual(warnings, []);
});

test("LanCache warns of no host whose change is read before its repetition", () => {
  const { cache, hear, log, warnings, time } = useCache();
  hear(announcement("a"), "fe80::1%eth0");

  hear(announcement("a", { tags: ["gpu"] }), "10.0.0.1");
  hear(announcement("a", { tags: ["gpu"] }), "fe80::1%eth0");
  time.ms = 1_000;
  hear(announcement("a", { tags: ["gpu"] }), "10.0.0.1");
  time.ms = 10_000;
  cache.tick();

  assert.deepEqual(log(), ["added a", "updated a"]);
  assert.deepEqual(warnings, []);
});

test("LanCache warns of no host that says first that a worker has left", () => {
  const { cache, hear, log, warnings, time } = useCache();
  hear(announcement("a"), "fe80::1%eth0");

  hear([pointer("a", 0)], "10.0.0.1");
  hear([pointer("a", 0)], "fe80::1%eth0");
  time.ms = 10_000;
  cache.tick();

  assert.deepEqual(log(), ["added a", "dropped a"]);
  assert.deepEqual(warnings, []);
});

test("LanCache believes nobody else about a worker, and says so after a moment", () => {
  const { cache, hear, log, warnings, events, time } = useCache();
  hear(announcement("a"));

  hear(announcement("a", { tags: ["stolen"] }), "10.0.0.66");
  hear([service("a", { target: "evil.local" }), address("evil.local", "10.0.0.66")], "10.0.0.66");
  hear([address("a.local", "10.0.0.66")], "10.0.0.66");
  hear([pointer("a", 0)], "10.0.0.66");
  hear([service("a")], "10.0.0.66");
  hear([text("a", { tags: ["stolen"] })], "10.0.0.66");
  assert.deepEqual(warnings, []);
  time.ms = 3_000;
  cache.tick();

  assert.deepEqual(log(), ["added a"]);
  assert.equal(events[0]?.worker.address, "10.0.0.1:50051");
  assert.deepEqual(new Set(warnings.map(({ about }) => about)), new Set(["claims of 10.0.0.66"]));
});

test("LanCache is not kept from a worker by one who has told half of it before", () => {
  const { hear, log, events } = useCache();

  hear([pointer("a"), service("a", { target: "evil.local" })], "10.0.0.66");
  hear(announcement("a"));

  assert.deepEqual(log(), ["added a"]);
  assert.equal(events[0]?.worker.address, "10.0.0.1:50051");
});

test("LanCache does not go back to what was said before a change, whichever is read first", () => {
  const { hear, log, events } = useCache();
  const old = announcement("a", { revision: 1 });
  const fresh = announcement("a", { revision: 2, tags: ["gpu"] });

  for (const address of ["10.0.0.1", "fe80::1%eth0"]) hear(old, address);
  hear(fresh, "10.0.0.1");
  hear(old, "fe80::1%eth0");
  hear(fresh, "fe80::1%eth0");
  hear(old, "10.0.0.3");

  assert.deepEqual(log(), ["added a", "updated a"]);
  assert.deepEqual(events[1]?.worker.tags, ["gpu"]);
});

test("LanCache does not have a worker back by what was said before it was taken back", () => {
  const { hear, log, warnings } = useCache();
  const goodbye = announcement("a", { revision: 1, ttl: 0 });

  for (const address of ["10.0.0.1", "fe80::1%eth0"]) hear(announcement("a", { revision: 1 }), address);
  hear(goodbye, "10.0.0.1");
  hear(announcement("a", { revision: 1 }), "fe80::1%eth0");
  hear(goodbye, "fe80::1%eth0");
  assert.deepEqual(log(), ["added a", "dropped a"]);

  hear(announcement("a", { revision: 2 }), "10.0.0.1");
  hear(goodbye, "fe80::1%eth0");
  assert.deepEqual(log(), ["added a", "dropped a", "added a"]);
  assert.deepEqual(warnings, []);
});

test("LanCache has a worker back that lapsed and is announced as before", () => {
  const { hear, log, cache, time } = useCache();
  hear(announcement("a", { revision: 1 }));
  time.ms = 60_000;
  cache.tick();

  hear(announcement("a", { revision: 1 }));

  assert.deepEqual(log(), ["added a", "dropped a", "added a"]);
});

test("LanCache passes over a worker of another namespace in silence", () => {
  const [mine, foreign] = collidingNamespaces();
  const { cache, log, warnings } = useCache(mine);
  const uid = "a";
  const records = announcement(uid, { namespace: foreign }).map((record) => {
    return JSON.parse(JSON.stringify(record).replaceAll(SERVICE, serviceType(mine)), (_key, value) =>
      value?.type === "Buffer" ? Buffer.from(value.data) : value,
    );
  });

  cache.accept(records, { address: HOST, interfaceName: "eth0" });

  assert.equal(cache.size, 1);
  assert.deepEqual(log(), []);
  assert.deepEqual(warnings, []);
  assert.deepEqual(cache.tick(), []);
});

test("LanCache drops a worker whose record has become unreadable, and has it back", () => {
  const { hear, log, warnings } = useCache();
  hear(announcement("a"));

  hear([{ type: "TXT", name: `a.${SERVICE}`, ttl: 60, data: [Buffer.from("pid=none")] }]);
  hear(announcement("a"));

  assert.deepEqual(log(), ["added a", "dropped a", "added a"]);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["MERINO_BAD_ADVERTISEMENT"],
  );
});

test("LanCache takes only so many workers from one host, and still hears the others", () => {
  const { hear, cache, log, warnings } = useCache();

  for (let number = 0; number < 5_000; number++) hear([pointer(`flood-${number}`)], "10.0.0.66");
  hear(announcement("a"));

  assert.equal(cache.size, 1_025);
  assert.deepEqual(log(), ["added a"]);
  assert.ok(warnings.length > 0);
  assert.ok(cache.tick().length <= 128);
});

test("LanCache takes only so many workers in all", () => {
  const { hear, cache } = useCache();

  for (let number = 0; number < 10_000; number++)
    hear([pointer(`flood-${number}`)], `10.0.${number % 250}.66`);

  assert.equal(cache.size, 4_096);
});

test("LanCache takes few addresses of a host, and room for them is not taken by others", () => {
  const { hear, events } = useCache("thumbs", (one) => (one === "10.0.0.1" ? 0 : 1));
  hear([pointer("evil"), service("evil", { target: "a.local" }), text("evil")], "10.0.0.66");

  for (let number = 0; number < 200; number++) hear([address("a.local", `10.6.6.${number}`)], "10.0.0.66");
  hear(announcement("a"));

  assert.equal(events.find(({ worker }) => worker.uid === "a")?.worker.address, "10.0.0.1:50051");
});

test("LanCache looks at the workers of a host's name only when its addresses change, and then at many of them seldom", () => {
  let ranked = 0;
  const { cache, hear, events, time } = useCache("thumbs", () => {
    ranked += 1;
    return 0;
  });
  for (let number = 0; number < 500; number++) {
    const uid = `w${number}`;
    hear([pointer(uid), service(uid, { target: "crowd.local" }), text(uid)]);
  }
  cache.tick();
  assert.equal(events.length, 0);
  const spellings = Array.from({ length: 64 }, (_, n) =>
    [..."crowd"].map((letter, place) => ((n >> place) & 1 ? letter.toUpperCase() : letter)).join(""),
  );

  for (let packet = 0; packet < 100; packet++) {
    hear(
      spellings.flatMap((name) => [
        address(`${name}.local`, "10.0.0.1", 0),
        address(`${name}.local`, "10.0.0.1"),
      ]),
    );
  }
  assert.equal(ranked, 0);
  time.ms += 100;
  cache.tick();

  assert.equal(events.filter(({ type }) => type === "worker-added").length, 500);
  assert.ok(ranked <= 4 * 500, `it ranks ${ranked} addresses`);
  ranked = 0;
  hear(spellings.map((name) => address(`${name}.local`, "10.0.0.1")));
  cache.tick();
  assert.ok(ranked <= 2 * 500, `it ranks ${ranked} addresses again`);
});

test("LanCache keeps its account, whatever is said by whomever in whatever order", () => {
  const uid = fc.constantFrom("a", "b", "c");
  const ttl = fc.constantFrom(0, 2, 60);
  const record = fc.oneof(
    fc.tuple(uid, ttl).map(([one, life]) => [pointer(one, life)]),
    fc
      .tuple(uid, ttl, fc.constantFrom("a.local", "x.example"))
      .map(([one, life, target]) => [service(one, { ttl: life, target })]),
    fc
      .tuple(uid, ttl, fc.constantFrom("", "gpu"))
      .map(([one, life, tag]) => [text(one, { ttl: life, tags: tag === "" ? [] : [tag] })]),
    fc.tuple(uid, ttl).map(([one, life]) => announcement(one, { ttl: life })),
    fc.tuple(uid, ttl).map(([one, life]) => [address(`${one}.local`, "10.0.0.1", life)]),
  );
  const step = fc.record({ record, source: fc.constantFrom("10.0.0.1", "10.0.0.2"), waitMs: fc.nat(3_000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { cache, events, time, hear } = useCache();
      for (const { record: records, source, waitMs } of steps) {
        hear(records, source);
        time.ms += waitMs;
        cache.tick();
      }
      time.ms += MAX_LIFETIME_MS + 1;
      cache.tick();

      const present = new Set<string>();
      for (const { type, worker } of events) {
        assert.equal(present.has(worker.uid), type !== "worker-added", `${type} ${worker.uid}`);
        if (type === "worker-dropped") present.delete(worker.uid);
        else present.add(worker.uid);
      }
      assert.deepEqual([...present], []);
      assert.equal(cache.size, 0);
    }),
  );
});
