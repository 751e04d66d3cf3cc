import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { WatchedMaterial } from "../../../../src/credentials/material/watched-material.ts";
import type { TrustMaterial } from "../../../../src/credentials/trust.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import {
  createAuthority,
  type IssuedCertificate,
  writeCertificate,
} from "../../../support/issue-certificate.ts";
import { type FakeClock, useFakeClock } from "../../../support/use-fake-clock.ts";
import { useWarnings } from "../../../support/use-warnings.ts";

const root = createAuthority();

test("WatchedMaterial gives new material once it is whole, in whichever order the files are replaced", async () => {
  using watched = watch();
  const orders = [
    ["ca", "cert", "key"],
    ["key", "cert", "ca"],
    ["cert", "key", "ca"],
  ] as const;
  for (const order of orders) {
    const before = await watched.now();
    const next = root.issue();
    const written = new Set<string>();
    for (const part of order) {
      writeFileSync(watched.files[part], next[part]);
      written.add(part);

      // The authority is the same.
      const whole = written.has("cert") && written.has("key");
      assert.equal((await watched.now()).key, whole ? next.key : before.key);
    }
  }
});

test("WatchedMaterial keeps what there is while a file is written, empty, gone, or of another pair", async () => {
  using watched = watch();
  const { key } = await watched.now();
  const next = root.issue();
  const other = root.issue();
  const foreign = createAuthority().issue();
  const states: readonly [keyof typeof watched.files, string | undefined][] = [
    ["cert", ""],
    ["cert", next.cert.slice(0, 200)],
    ["cert", undefined],
    ["cert", next.cert],
    ["key", ""],
    ["key", other.key],
    ["cert", foreign.cert],
    ["key", foreign.key],
    ["key", next.key.slice(0, 100)],
  ];
  for (const [part, text] of states) {
    if (text === undefined) unlinkSync(watched.files[part]);
    else writeFileSync(watched.files[part], text);

    assert.equal((await watched.now()).key, key);
  }
  writeCertificate(watched.folder, next);
  assert.equal((await watched.now()).key, next.key);
});

test("WatchedMaterial follows files behind a link that is turned at once, as Kubernetes does", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "merino-watch-"));
  try {
    writeCertificate(path.join(folder, "one"), root.issue());
    symlinkSync("one", path.join(folder, "data"));
    const files = { ca: "ca.pem", cert: "cert.pem", key: "key.pem" };
    using watched = watch({ folder: path.join(folder, "data"), files });
    await watched.now();
    const next = root.issue();
    writeCertificate(path.join(folder, "two"), next);

    symlinkSync("two", path.join(folder, "data.new"));
    renameSync(path.join(folder, "data.new"), path.join(folder, "data"));

    assert.equal((await watched.now()).key, next.key);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("WatchedMaterial tells followers of each change within half a second, and looks no more without any", async () => {
  using watched = watch();
  const seen: TrustMaterial[] = [];
  const following = watched.source.follow((material) => seen.push(material));
  for (let round = 1; round <= 3; round += 1) {
    writeCertificate(watched.folder, root.issue());
    await watched.clock.advance(400);
    // The look reads files in its own time; whoever asks joins it.
    await watched.now();
    assert.equal(seen.length, round);
    assert.equal(seen.at(-1)?.key, (await watched.now()).key);
  }
  writeCertificate(watched.folder, root.issue());
  await watched.now();

  following[Symbol.dispose]();
  following[Symbol.dispose]();

  assert.equal(watched.queue.size, 0);
});

test("WatchedMaterial warns of files that stay unusable, once a minute, and not of short moments", async () => {
  using warnings = useWarnings();
  using watched = watch();
  await watched.now();
  writeFileSync(watched.files.cert, "");

  await watched.now();
  await watched.clock.advance(500);
  await watched.now();
  assert.deepEqual(warnings.codes, []);
  for (let second = 0; second < 100; second += 1) {
    await watched.clock.advance(499);
    await watched.now();
  }

  assert.deepEqual(warnings.codes, new Array(2).fill("MERINO_CREDENTIALS_NOT_RENEWED"));
  assert.match(warnings.messages[0] ?? "", /stay in use, at most until 20\d\d-.*cert\.pem.*it is empty/s);
  const next = root.issue();
  writeCertificate(watched.folder, next);
  assert.equal((await watched.now()).key, next.key);
});

test("WatchedMaterial refuses material from its end on, with the fault of the new one as cause", async () => {
  using watched = watch();
  const { endsAtMs = 0 } = await watched.now();
  writeFileSync(watched.files.key, "torn");

  watched.setDate(endsAtMs - 1);
  assert.equal((await watched.now()).endsAtMs, endsAtMs);
  watched.setDate(endsAtMs);

  await assert.rejects(watched.now(), (error: Error & { reason?: string }) => {
    assert.equal(error.reason, "expired");
    assert.equal((error.cause as { reason?: string }).reason, "malformed");
    return true;
  });
});

test("WatchedMaterial takes a certificate that is not valid yet once it is, without its being written again", async () => {
  using watched = watch();
  const early = root.issue({ fromDays: 2, days: 20 });
  writeCertificate(watched.folder, early);
  const before = await watched.now();

  watched.setDate(Date.now() + 3 * 86_400_000);

  assert.notEqual(before.key, early.key);
  assert.equal((await watched.now()).key, early.key);
});

test("WatchedMaterial looks at the files once for many who ask at a time, and not at all shortly after", async () => {
  using watched = watch();
  const old = await watched.now();
  writeCertificate(watched.folder, root.issue());

  assert.equal((await watched.source.current()).key, old.key);
  await watched.clock.advance(501);
  const all = await Promise.all(Array.from({ length: 50 }, () => watched.source.current()));

  assert.equal(new Set(all).size, 1);
  assert.notEqual(all[0]?.key, old.key);
});

interface Watched extends Disposable {
  readonly folder: string;
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly source: WatchedMaterial;
  readonly queue: DeadlineQueue;
  readonly clock: FakeClock;
  /** What somebody gets who asks when a look is due. */
  now(): Promise<TrustMaterial>;
  /** Sets the date; else it is the machine's. */
  setDate(ms: number): void;
}

function watch(present?: { readonly folder: string; readonly files: Watched["files"] }): Watched {
  const folder = present?.folder ?? mkdtempSync(path.join(tmpdir(), "merino-watch-"));
  const first: IssuedCertificate = root.issue();
  const files =
    present === undefined
      ? writeCertificate(folder, first)
      : {
          ca: path.join(folder, present.files.ca),
          cert: path.join(folder, present.files.cert),
          key: path.join(folder, present.files.key),
        };
  const clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  let date: number | undefined;
  const source = new WatchedMaterial(
    { paths: files, passphrase: undefined },
    { mutual: true },
    { queue, date: () => date ?? Date.now() },
  );
  return {
    folder,
    files,
    source,
    queue,
    clock,
    async now() {
      await clock.advance(501);
      return source.current();
    },
    setDate: (ms) => {
      date = ms;
    },
    [Symbol.dispose]: () => {
      clock[Symbol.dispose]();
      if (present === undefined) rmSync(folder, { recursive: true });
    },
  };
}
