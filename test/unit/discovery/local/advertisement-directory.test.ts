/** The files by which workers make themselves known. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AdvertisementDirectory } from "../../../../src/discovery/local/advertisement-directory.ts";
import { leakCheck } from "../../../support/leak-check.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

function freshDirectory(): AdvertisementDirectory {
  const directory = new AdvertisementDirectory(`test-${randomUUID()}`);
  directory.ensure();
  return directory;
}

test("AdvertisementDirectory tells a file that has gone from one that is no good", async () => {
  await using _leaks = leakCheck();
  const directory = freshDirectory();
  await directory.write(workerMetadata({ uid: "sound" }));
  writeFileSync(join(directory.path, "bad.json"), "{}");

  assert.deepEqual(directory.read("sound"), workerMetadata({ uid: "sound" }));
  assert.equal(directory.read("bad"), "malformed");
  assert.equal(directory.read("missing"), "gone");

  rmSync(directory.path, { recursive: true });
  assert.equal(directory.read("sound"), "gone");
  assert.deepEqual(directory.scan(), []);
});

test("AdvertisementDirectory gives a replaced file another signature, and sweeps only what it scanned", async () => {
  await using _leaks = leakCheck();
  const directory = freshDirectory();
  await directory.write(workerMetadata({ uid: "a" }));
  const [before] = directory.scan();
  assert.ok(before);

  await directory.write(workerMetadata({ uid: "a" }));
  const [after] = directory.scan();
  assert.ok(after);

  assert.notEqual(after.signature, before.signature);
  assert.equal(directory.sweep(before), false);
  assert.equal(directory.sweep(after), true);
  assert.deepEqual(readdirSync(directory.path), []);
});

test("AdvertisementDirectory writes whole files only, also when its directory is removed meanwhile", async () => {
  await using _leaks = leakCheck();
  const directory = freshDirectory();
  const ensure = directory.ensure.bind(directory);
  let made = 0;
  directory.ensure = () => {
    ensure();
    made += 1;
    // As another process does that leaves, between the making and the writing.
    if (made === 1) rmdirSync(directory.path);
  };

  await directory.write(workerMetadata({ uid: "a" }));

  assert.equal(made, 2);
  assert.deepEqual(readdirSync(directory.path), ["a.json"]);
  await directory.remove("a");
});

test("AdvertisementDirectory removes temporary files of writers that have died, and only those", async () => {
  await using _leaks = leakCheck();
  const directory = freshDirectory();
  const [old, young] = ["old.1-0.tmp", "young.1-0.tmp"].map((name) => join(directory.path, name));
  assert.ok(old && young);
  for (const path of [old, young]) writeFileSync(path, "");
  const longAgo = new Date(Date.now() - 120_000);
  utimesSync(old, longAgo, longAgo);

  directory.scan();

  assert.equal(existsSync(old), false);
  assert.equal(existsSync(young), true);
  rmSync(young);
});

test("AdvertisementDirectory is removed only when it is empty", async () => {
  await using _leaks = leakCheck();
  const directory = freshDirectory();
  await directory.write(workerMetadata({ uid: "a" }));

  await directory.removeIfEmpty();
  assert.ok(existsSync(directory.path));
  await directory.remove("a");
  await directory.removeIfEmpty();
  await directory.removeIfEmpty();

  assert.equal(existsSync(directory.path), false);
});
