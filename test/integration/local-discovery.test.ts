/** LocalDiscovery with real processes, sockets and files. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { AdvertisementDirectory } from "../../src/discovery/local/advertisement-directory.ts";
import { LocalDiscovery } from "../../src/discovery/local/local-discovery.ts";
import { hostId } from "../../src/transport/unix/host-id.ts";
import { runtimeDirectory } from "../../src/transport/unix/runtime-directory.ts";
import { controlSocketPath, socketPath } from "../../src/transport/unix/socket-path.ts";
import { eventually } from "../support/eventually.ts";
import { follow } from "../support/follow.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startAdvertisedWorker } from "../support/start-advertised-worker.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { useWarnings } from "../support/use-warnings.ts";
import { workerMetadata } from "../support/worker-metadata.ts";

const SWEEP_WITHIN_MS = 5_000;

/** A directory of advertisements that nobody else uses. */
function freshDirectory(): { readonly namespace: string; readonly directory: AdvertisementDirectory } {
  const namespace = `test-${randomUUID()}`;
  const directory = new AdvertisementDirectory(namespace);
  directory.ensure();
  return { namespace, directory };
}

test("LocalDiscovery sees workers of other processes come and go", async () => {
  await using _leaks = leakCheck();
  const { namespace } = freshDirectory();
  await using follower = follow(new LocalDiscovery(namespace));

  await using first = await startAdvertisedWorker(namespace, "first");
  await using second = await startAdvertisedWorker(namespace, "second");
  await follower.read(2);
  await first.close();
  await second.close();
  await follower.read(4);

  assert.deepEqual(follower.log.slice(0, 2), ["added first", "added second"]);
  assert.deepEqual([...follower.log.slice(2)].sort(), ["dropped first", "dropped second"]);
  assert.equal(follower.events[0]?.worker.pid, first.process.pid);
});

test("LocalDiscovery drops a killed worker within five seconds and removes what it left", async () => {
  await using _leaks = leakCheck();
  const { namespace, directory } = freshDirectory();
  await using follower = follow(new LocalDiscovery(namespace));
  await using worker = await startAdvertisedWorker(namespace, "victim");
  await follower.read(1);

  await worker.kill();
  await eventually(() => follower.log.length === 2, { withinMs: SWEEP_WITHIN_MS });

  assert.deepEqual(follower.log, ["added victim", "dropped victim"]);
  assert.deepEqual(readdirSync(directory.path), []);
  assert.equal(existsSync(worker.socket), false);
});

test("LocalDiscovery drops a killed network worker by its socket, and removes both of its sockets", async () => {
  await using _leaks = leakCheck();
  const { namespace, directory } = freshDirectory();
  await using follower = follow(new LocalDiscovery(namespace));
  await using worker = await startAdvertisedWorker(`${namespace}-x`, "victim");
  const { pid = 0 } = worker.process;
  const { socket } = worker;
  const control = controlSocketPath(socket);
  writeFileSync(control, "");
  // Whoever listens at the address by now has nothing to do with it.
  const server = createServer((connection) => connection.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  await directory.write(workerMetadata({ uid: "victim", address, pid, socket, hostId: hostId() }));
  await follower.read(1);

  await worker.kill();
  await eventually(() => follower.log.length === 2, { withinMs: SWEEP_WITHIN_MS });

  assert.deepEqual(follower.log, ["added victim", "dropped victim"]);
  assert.deepEqual([existsSync(socket), existsSync(control)], [false, false]);
  server.close();
  rmSync(new AdvertisementDirectory(`${namespace}-x`).path, { recursive: true });
});

test("LocalDiscovery never replays a worker that was killed before", async () => {
  await using _leaks = leakCheck();
  const { namespace } = freshDirectory();
  await using victim = await startAdvertisedWorker(namespace, "victim");
  await using survivor = await startAdvertisedWorker(namespace, "survivor");
  await victim.kill();

  await using follower = follow(new LocalDiscovery(namespace));
  await follower.read(1);
  await survivor.close();
  await follower.read(2);

  assert.deepEqual(follower.log, ["added survivor", "dropped survivor"]);
});

test("LocalDiscovery drops a worker whose process lives but whose socket is gone or refuses", async () => {
  await using _leaks = leakCheck();
  const { namespace, directory } = freshDirectory();
  const gone = socketPath();
  const server = createServer((connection) => connection.destroy()).listen(gone);
  await once(server, "listening");
  // A socket that was bound once: its process was killed, or it would have removed the file.
  await using dead = await startAdvertisedWorker(`${namespace}-x`, "refusing");
  await dead.kill();
  await using follower = follow(new LocalDiscovery(namespace));

  for (const [uid, socket] of [
    ["gone", gone],
    ["refusing", dead.socket],
  ] as const) {
    await directory.write(workerMetadata({ uid, pid: process.pid, socket, hostId: hostId() }));
  }
  await follower.read(2);
  server.close();
  await eventually(() => follower.log.length === 4, { withinMs: SWEEP_WITHIN_MS });

  assert.deepEqual(readdirSync(directory.path), []);
  assert.equal(existsSync(dead.socket), false);
  rmSync(new AdvertisementDirectory(`${namespace}-x`).path, { recursive: true });
});

test("LocalDiscovery keeps workers of other hosts and workers without a socket", async () => {
  await using _leaks = leakCheck();
  const { namespace, directory } = freshDirectory();
  const missing = socketPath();
  const publisher = new LocalDiscovery(namespace).publisher();
  await publisher.publish({
    type: "worker-added",
    worker: workerMetadata({ uid: "elsewhere", socket: missing, hostId: "another" }),
  });
  await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid: "tcp", hostId: hostId() }) });

  await using follower = follow(new LocalDiscovery(namespace));
  await follower.read(2);

  assert.deepEqual([...follower.log].sort(), ["added elsewhere", "added tcp"]);
  assert.equal(readdirSync(directory.path).length, 2);
  await publisher.close();
});

test("LocalDiscovery names a malformed file once, skips it and goes on", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  const { namespace, directory } = freshDirectory();
  const valid = JSON.stringify(workerMetadata({ uid: "other" }));
  const hostile: Record<string, string> = {
    "text.json": "not JSON",
    "deep.json": "[".repeat(60_000),
    "large.json": JSON.stringify({ ...workerMetadata({ uid: "large" }), padding: "x".repeat(70_000) }),
    "another-uid.json": valid,
    "bad uid!.json": valid,
  };
  for (const [name, text] of Object.entries(hostile)) writeFileSync(join(directory.path, name), text);
  mkdirSync(join(directory.path, "directory.json"));
  symlinkSync("/dev/zero", join(directory.path, "link.json"));
  await using follower = follow(new LocalDiscovery(namespace));
  const publisher = new LocalDiscovery(namespace).publisher();

  await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid: "sound" }) });
  await follower.read(1);
  writeFileSync(join(directory.path, "text.json"), "still not JSON");
  await publisher.publish({ type: "worker-dropped", worker: workerMetadata({ uid: "sound" }) });
  await follower.read(2);

  assert.deepEqual(follower.log, ["added sound", "dropped sound"]);
  assert.deepEqual(warnings.codes, new Array(7).fill("MERINO_BAD_ADVERTISEMENT"));
  await publisher.close();
  await follower.stop();
  rmSync(directory.path, { recursive: true });
});

test("LocalDiscovery goes on when its directory is removed and made anew", async () => {
  await using _leaks = leakCheck();
  const { namespace, directory } = freshDirectory();
  const publisher = new LocalDiscovery(namespace).publisher();
  await using follower = follow(new LocalDiscovery(namespace));
  await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid: "a" }) });
  await follower.read(1);

  rmSync(directory.path, { recursive: true });
  await follower.read(2);
  await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid: "b" }) });
  await follower.read(3);

  assert.deepEqual(follower.log, ["added a", "dropped a", "added b"]);
  await publisher.close();
});

test("LocalDiscovery leaves no directory of its namespace behind", async () => {
  await using _leaks = leakCheck();
  const { namespace, directory } = freshDirectory();
  const publisher = new LocalDiscovery(namespace).publisher();
  const follower = follow(new LocalDiscovery(namespace));
  await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid: "a" }) });
  await follower.read(1);

  await publisher.close();
  await follower.stop();

  assert.equal(existsSync(directory.path), false);
});

test("LocalDiscovery does not keep a process alive that only listens", async () => {
  await using _leaks = leakCheck();
  const { namespace } = freshDirectory();
  const module = new URL("../../src/discovery/local/local-discovery.ts", import.meta.url).href;
  const program = `
    const { LocalDiscovery } = await import(${JSON.stringify(module)});
    const reader = new LocalDiscovery(${JSON.stringify(namespace)}).subscribe()[Symbol.asyncIterator]();
    reader.next();
  `;

  // It ends by itself, or the time limit makes this reject.
  await promisify(execFile)(
    process.execPath,
    [...TYPESCRIPT_FLAGS, "--input-type=module", "--eval", program],
    {
      timeout: 20_000,
      cwd: new URL("../..", import.meta.url),
    },
  );
});

test("LocalDiscovery refuses a runtime directory that others can enter, or that is a link", async () => {
  await using leaks = leakCheck();
  const discovery = new LocalDiscovery(`test-${randomUUID()}`);
  const refusal = { code: "ERR_MERINO_INVALID_OPTION", option: "runtimeDirectory" };
  const publisher = discovery.publisher();
  const directory = runtimeDirectory();

  chmodSync(directory, 0o755);
  await assert.rejects(follow(discovery).finished, refusal);
  await assert.rejects(publisher.publish({ type: "worker-added", worker: workerMetadata() }), refusal);
  assert.throws(() => discovery.publisher(), refusal);
  assert.throws(() => socketPath(), refusal);
  rmSync(directory, { recursive: true });
  mkdirSync(join(leaks.runtimeRoot, "elsewhere"), { mode: 0o700 });
  symlinkSync(join(leaks.runtimeRoot, "elsewhere"), directory);
  assert.throws(() => discovery.publisher(), refusal);

  rmSync(directory);
  await publisher.close();
});
