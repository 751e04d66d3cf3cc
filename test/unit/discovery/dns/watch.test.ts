/** The watch over a DNS name, with DNS, workers and time in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { HOSTILE_TEXT } from "../../../support/hostile/text.ts";
import { NAME, POLL_MS, useDnsWatch } from "../../../support/use-dns-watch.ts";
import { useWarnings } from "../../../support/use-warnings.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

test("DnsWatch reports the workers at the addresses of a name, each under the address at which it was found", async () => {
  await using watched = useDnsWatch();
  const { peers } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.aaaa.set(NAME, ["fd00::2"]);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a", address: "192.168.1.1:1", tags: ["gpu"] }));
  peers.described.set("[fd00::2]:7777", workerMetadata({ uid: "b" }));

  await watched.start();

  assert.deepEqual(watched.news(), ["added a", "added b"]);
  assert.deepEqual(
    watched.events[0]?.worker,
    workerMetadata({ uid: "a", address: "10.0.0.1:7777", tags: ["gpu"] }),
  );
  assert.equal(watched.events[1]?.worker.address, "[fd00::2]:7777");
});

test("DnsWatch believes neither sockets nor host ids, and takes a record without codecs to speak none", async () => {
  await using watched = useDnsWatch();
  const { codecs: _, ...record } = workerMetadata({ uid: "a", socket: "/run/x", hostId: "here" });
  watched.peers.a.set(NAME, ["10.0.0.1"]);
  watched.peers.described.set("10.0.0.1:7777", { ...record, address: "unix:/run/x" });

  await watched.start();

  const worker = watched.events[0]?.worker;
  assert.equal(worker?.address, "10.0.0.1:7777");
  assert.deepEqual(worker?.codecs, []);
  assert.ok(worker !== undefined && !("socket" in worker) && !("hostId" in worker));
});

test("DnsWatch follows the records of DNS from poll to poll", async () => {
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  for (const uid of ["1", "2", "3"]) peers.described.set(`10.0.0.${uid}:7777`, workerMetadata({ uid }));
  peers.a.set(NAME, ["10.0.0.1", "10.0.0.2"]);
  await watched.start();
  assert.deepEqual(watched.news(), ["added 1", "added 2"]);

  peers.a.set(NAME, ["10.0.0.3", "10.0.0.2"]);
  await clock.advance(POLL_MS - 1);
  assert.deepEqual(watched.news(), []);
  await clock.advance(1);
  assert.deepEqual(watched.news(), ["dropped 1", "added 3"]);

  peers.a.delete(NAME);
  await clock.advance(POLL_MS);
  assert.deepEqual(watched.news(), ["dropped 2", "dropped 3"]);
});

test("DnsWatch keeps what is known while DNS fails, says so once, and asks on", async () => {
  using warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
  peers.described.set("10.0.0.2:7777", workerMetadata({ uid: "b" }));
  peers.a.set(NAME, ["10.0.0.1"]);
  await watched.start();
  watched.news();

  for (const code of ["ESERVFAIL", "ETIMEOUT", "EREFUSED", "ECONNREFUSED"]) {
    peers.a.set(NAME, code);
    await clock.advance(POLL_MS);
  }
  assert.deepEqual(watched.news(), []);
  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);

  peers.a.set(NAME, ["10.0.0.2"]);
  await clock.advance(POLL_MS);
  assert.deepEqual(watched.news(), ["dropped a", "added b"]);

  peers.a.set(NAME, "ESERVFAIL");
  await clock.advance(POLL_MS);
  assert.equal(warnings.codes.length, 2);
});

test("DnsWatch keeps the addresses of the family whose question failed, and follows the other", async () => {
  using _warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "four" }));
  peers.described.set("[fd00::1]:7777", workerMetadata({ uid: "six" }));
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.aaaa.set(NAME, ["fd00::1"]);
  await watched.start();
  watched.news();

  peers.a.set(NAME, "ENODATA");
  peers.aaaa.set(NAME, "ETIMEOUT");
  await clock.advance(POLL_MS);

  assert.deepEqual(watched.news(), ["dropped four"]);
});

test("DnsWatch drops a worker that fails to answer twice, within a poll and a quarter of a second", async () => {
  using _warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
  await watched.start();
  watched.news();

  peers.described.delete("10.0.0.1:7777");
  await clock.advance(POLL_MS + 250);

  assert.deepEqual(watched.news(), ["dropped a"]);
});

test("DnsWatch forgives a worker one failure", async () => {
  using warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
  await watched.start();
  watched.news();

  for (let n = 0; n < 3; n++) {
    peers.described.set("10.0.0.1:7777", new Error("busy"));
    await clock.advance(POLL_MS);
    peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
    await clock.advance(250);
  }

  assert.deepEqual(watched.news(), []);
  assert.deepEqual(warnings.codes, []);
});

test("DnsWatch reports a worker that restarts or changes at its address", async () => {
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
  await watched.start();

  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a", tags: ["gpu"] }));
  await clock.advance(POLL_MS);
  await clock.advance(POLL_MS);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "b" }));
  await clock.advance(POLL_MS);

  assert.deepEqual(watched.news(), ["added a", "updated a", "dropped a", "added b"]);
  assert.deepEqual(watched.events[1]?.worker.tags, ["gpu"]);
});

test("DnsWatch counts a worker with two addresses once, and moves to the other when one is lost", async () => {
  using _warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.aaaa.set(NAME, ["fd00::1"]);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
  peers.described.set("[fd00::1]:7777", workerMetadata({ uid: "a" }));
  await watched.start();
  assert.deepEqual(watched.news(), ["added a"]);
  const [kept, other] =
    watched.events[0]?.worker.address === "10.0.0.1:7777"
      ? ["10.0.0.1:7777", "[fd00::1]:7777"]
      : ["[fd00::1]:7777", "10.0.0.1:7777"];

  peers.described.delete(kept);
  await clock.advance(POLL_MS + 250);
  assert.deepEqual(watched.news(), ["updated a"]);
  assert.equal(watched.events.at(-1)?.worker.address, other);

  peers.a.delete(NAME);
  peers.aaaa.delete(NAME);
  await clock.advance(POLL_MS);
  assert.deepEqual(watched.news(), ["dropped a"]);
});

test("DnsWatch tries an address at which nobody answers again, less and less often, and names it once", async () => {
  using warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  await watched.start();

  await clock.advance(60_000);
  const firstMinute = peers.asked.length;
  for (let minute = 0; minute < 9; minute++) await clock.advance(60_000);
  const later = (peers.asked.length - firstMinute) / 9;

  assert.ok(firstMinute >= 5 && firstMinute <= 12, `${firstMinute} attempts in the first minute`);
  assert.ok(later >= 1 && later <= 3, `${later} attempts a minute later on`);
  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "late" }));
  await clock.advance(36_000);
  assert.deepEqual(watched.news(), ["added late"]);
});

test("DnsWatch skips descriptions that are no worker's record, names the address once, and goes on", async () => {
  using warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  const hostile: unknown[] = [
    null,
    7,
    "worker",
    {},
    { ...workerMetadata(), uid: "../x" },
    { ...workerMetadata(), tags: "gpu" },
    { ...workerMetadata(), extra: { a: 1 } },
  ];
  peers.a.set(NAME, [...hostile.map((_, index) => `10.0.0.${index}`), "10.0.0.100"]);
  for (const [index, value] of hostile.entries()) {
    peers.described.set(`10.0.0.${index}:7777`, Promise.resolve(value));
  }
  peers.described.set("10.0.0.100:7777", workerMetadata({ uid: "sound" }));

  await watched.start();
  await clock.advance(30_000);

  assert.deepEqual(watched.news(), ["added sound"]);
  assert.deepEqual(warnings.codes, new Array(hostile.length).fill("MERINO_BAD_ADVERTISEMENT"));
});

test("DnsWatch takes ports and hosts from SRV records", async () => {
  const name = "_merino._tcp.jobs.test";
  await using watched = useDnsWatch(name);
  const { peers, clock } = watched;
  peers.srv.set(name, [
    { name: "one.test", port: 7_001 },
    { name: "one.test", port: 7_002 },
    { name: "two.test", port: 7_001 },
    { name: "", port: 1 },
    { name: "two.test", port: 0 },
  ]);
  peers.a.set("one.test", ["10.0.0.1"]);
  peers.aaaa.set("two.test", ["fd00::2"]);
  for (const [uid, address] of [
    ["a", "10.0.0.1:7001"],
    ["b", "10.0.0.1:7002"],
    ["c", "[fd00::2]:7001"],
  ] as const) {
    peers.described.set(address, workerMetadata({ uid }));
  }

  await watched.start();
  assert.deepEqual(watched.news().sort(), ["added a", "added b", "added c"]);
  assert.deepEqual([...peers.asked].sort(), ["10.0.0.1:7001", "10.0.0.1:7002", "[fd00::2]:7001"]);

  peers.srv.set(name, [{ name: "two.test", port: 7_001 }]);
  await clock.advance(POLL_MS);
  assert.deepEqual(watched.news().sort(), ["dropped a", "dropped b"]);
});

test("DnsWatch passes over SRV records of what is no host's name, and shows nothing of them", async () => {
  using warnings = useWarnings();
  const name = "_merino._tcp.jobs.test";
  await using watched = useDnsWatch(name);
  const { peers, clock } = watched;
  // As resolvers write a control character, bytes that are no UTF-8, and a dot in a label; and as they should not.
  const hostile = [
    "\\027[2J.test",
    "\\255\\254.test",
    "a\\.b.test",
    `${HOSTILE_TEXT}.test`,
    "a b.test",
    "a..test",
    ".",
    `${"x".repeat(64)}.test`,
    Array.from({ length: 200 }, () => "xy").join("."),
  ].map((target) => ({ name: target, port: 7_001 }));
  for (const target of hostile) {
    peers.a.set(target.name, "EBADNAME");
    peers.aaaa.set(target.name, "EBADNAME");
  }
  peers.srv.set(name, [...hostile, { name: "one.test.", port: 7_001 }]);
  peers.a.set("one.test.", ["10.0.0.1"]);
  peers.described.set("10.0.0.1:7001", workerMetadata({ uid: "a" }));

  await watched.start();
  assert.deepEqual(watched.news(), ["added a"]);

  peers.srv.set(name, hostile);
  await clock.advance(POLL_MS);
  assert.deepEqual(watched.news(), ["dropped a"]);
  assert.deepEqual(warnings.messages, []);
  assert.deepEqual([...new Set(peers.questions)].sort(), ["A one.test.", "AAAA one.test.", `SRV ${name}`]);
});

test("DnsWatch keeps the workers of SRV records while these cannot be asked for", async () => {
  using _warnings = useWarnings();
  const name = "_merino._tcp.jobs.test";
  await using watched = useDnsWatch(name, 9_000);
  const { peers, clock } = watched;
  peers.srv.set(name, [{ name: "one.test", port: 7_001 }]);
  peers.a.set("one.test", ["10.0.0.1"]);
  peers.described.set("10.0.0.1:9000", workerMetadata({ uid: "a" }));
  await watched.start();
  assert.deepEqual(watched.news(), ["added a"]);

  peers.srv.set(name, "ESERVFAIL");
  await clock.advance(POLL_MS);

  assert.deepEqual(watched.news(), []);
});

test("DnsWatch asks only for the family it is told to", async () => {
  await using watched = useDnsWatch();
  watched.peers.a.set(NAME, ["10.0.0.1"]);
  watched.peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));

  await watched.start({ family: 4 });

  assert.deepEqual(watched.peers.questions, [`A ${NAME}`]);
  assert.deepEqual(watched.news(), ["added a"]);
});

test("DnsWatch asks at most sixteen addresses at a time, and follows at most 4 096", async () => {
  using warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  const addresses = Array.from({ length: 5_000 }, (_, n) => `10.1.${n >> 8}.${n & 255}`);
  peers.a.set(NAME, addresses);
  const gate = createDeferred();
  for (const [n, ip] of addresses.entries()) {
    const record = workerMetadata({ uid: `w${n}` });
    peers.described.set(
      `${ip}:7777`,
      gate.promise.then(() => record),
    );
  }
  await watched.start();
  assert.equal(peers.asked.length, 16);

  gate.resolve();
  for (let n = 0; watched.events.length < 4_096 && n < 1_000; n++) await clock.advance(0);
  for (let n = 0; n < 10; n++) await clock.advance(POLL_MS);

  assert.equal(peers.mostAtOnce, 16);
  assert.equal(new Set(watched.events.map(({ worker }) => worker.uid)).size, 4_096);
  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
  // 4 096 workers, 5 ms for each: described about every 20 s, not every 5.
  assert.ok(peers.asked.length < 4 * 4_096, `${peers.asked.length} descriptions in 50 s`);
});

test("DnsWatch notices the death of a known worker though hundreds of addresses hang", async () => {
  using _warnings = useWarnings();
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.described.set("10.0.0.1:7777", workerMetadata({ uid: "a" }));
  await watched.start();
  const dead = Array.from({ length: 500 }, (_, n) => `10.1.${n >> 8}.${n & 255}`);
  for (const ip of dead) peers.described.set(`${ip}:7777`, new Promise(() => {}));
  peers.a.set(NAME, [...dead, "10.0.0.1"]);
  await clock.advance(POLL_MS);

  peers.described.delete("10.0.0.1:7777");
  await clock.advance(POLL_MS + 2_000 + 250 + 2_000);

  assert.deepEqual(watched.news(), ["added a", "dropped a"]);
});

test("DnsWatch ends what is under way when its signal fires", async () => {
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  peers.a.set(NAME, ["10.0.0.1"]);
  await watched.start({ describeTimeout: 60_000 });
  peers.described.set("10.0.0.1:7777", new Promise(() => {}));
  peers.a.set(NAME, "never");
  await clock.advance(POLL_MS);
  assert.equal(peers.questions.at(-2), `A ${NAME}`);
  const asked = peers.asked.length;

  await watched.stop();
  await clock.advance(POLL_MS);

  assert.equal(clock.timerCount, 0);
  assert.equal(peers.asked.length, asked);
  assert.deepEqual(watched.events, []);
});

test("DnsWatch reports nothing of an address that left DNS while it was asked", async () => {
  await using watched = useDnsWatch();
  const { peers, clock } = watched;
  const answer = createDeferred<unknown>();
  peers.a.set(NAME, ["10.0.0.1"]);
  peers.described.set("10.0.0.1:7777", answer.promise);
  await watched.start({ describeTimeout: 60_000 });
  peers.a.set(NAME, []);
  await clock.advance(POLL_MS);

  answer.resolve(workerMetadata({ uid: "a" }));
  await clock.advance(POLL_MS);

  assert.deepEqual(watched.events, []);
});

test("DnsWatch says once that a name without addresses must be complete", async () => {
  using warnings = useWarnings();
  await using watched = useDnsWatch();

  await watched.start();
  await watched.clock.advance(3 * POLL_MS);

  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
  assert.deepEqual(watched.events, []);
});
