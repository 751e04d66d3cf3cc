import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import {
  type BuildDescriptor,
  isBuildDescriptor,
  resolveBuildRule,
  restoreBuildRule,
} from "../../../../src/client/membership/build-rule.ts";
import { labelOfPool } from "../../../../src/client/membership/pool-label.ts";
import { useEnvironment } from "../../../support/use-environment.ts";
import { useWarnings } from "../../../support/use-warnings.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const OLD = workerMetadata({ uid: "old", build: "a" });
const NEW = workerMetadata({ uid: "new", build: "b" });
const SILENT = workerMetadata({ uid: "silent" });

test("resolveBuildRule has no rule for any build", () => {
  assert.equal(resolveBuildRule(undefined), undefined);
  assert.equal(resolveBuildRule("any"), undefined);
});

test("resolveBuildRule takes for 'same' the workers of this process's own build", () => {
  using environment = useEnvironment();
  environment.set("MERINO_BUILD", "b");

  const rule = resolveBuildRule("same");

  assert.equal(rule?.judge(NEW), undefined);
  assert.match(rule?.judge(OLD) ?? "", /build 'a'.*build 'b'/);
  assert.match(rule?.judge(SILENT) ?? "", /no build.*build 'b'/);
  assert.deepEqual(rule?.descriptor, { kind: "same", build: "b" });
});

test("resolveBuildRule refuses 'same' in a process without a build, and says what to set", () => {
  using environment = useEnvironment();
  environment.set("MERINO_BUILD");

  assert.throws(() => resolveBuildRule("same"), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "build",
    message: /Set the environment variable MERINO_BUILD/,
  });
});

test("resolveBuildRule refuses what is no rule", () => {
  for (const option of ["b", "", null, 1, {}]) {
    assert.throws(() => resolveBuildRule(option), { code: "ERR_MERINO_INVALID_OPTION", option: "build" });
  }
});

test("resolveBuildRule asks a function with the build and the record", () => {
  const asked: unknown[] = [];
  const rule = resolveBuildRule((build: string | undefined, worker: unknown) => {
    asked.push([build, worker]);
    return build === "b";
  });

  assert.equal(rule?.judge(NEW), undefined);
  assert.match(rule?.judge(OLD) ?? "", /build 'a'/);
  assert.match(rule?.judge(SILENT) ?? "", /no build/);
  assert.deepEqual(asked, [
    ["b", NEW],
    ["a", OLD],
    [undefined, SILENT],
  ]);
});

test("resolveBuildRule refuses workers about which a function throws or gives no boolean, and warns once", async () => {
  for (const [answer, why] of [
    [() => assert.fail("no such build"), /has thrown: no such build/],
    [async () => true, /has not returned a boolean/],
    [() => 1, /has not returned a boolean/],
  ] as const) {
    using warnings = useWarnings();
    const rule = resolveBuildRule(answer);

    assert.match(rule?.judge(OLD) ?? "", why);
    assert.match(rule?.judge(NEW) ?? "", why);
    await setImmediate();
    assert.deepEqual(warnings.codes, ["MERINO_BUILD_FAILED"]);
  }
});

test("restoreBuildRule keeps the build of the program, or that of the worker where a function stays behind", () => {
  const same: BuildDescriptor = { kind: "same", build: "b" };
  const own = workerMetadata({ uid: "own", build: "c", extra: labelOfPool("p") });

  const kept = restoreBuildRule(same, { pool: "p", own: "a" });
  const like = restoreBuildRule({ kind: "worker" }, { pool: "p", own: "a" });
  const silent = restoreBuildRule({ kind: "worker" }, { pool: "p", own: undefined });

  const taken = (rule: typeof kept): readonly string[] =>
    [OLD, NEW, SILENT, own].filter((worker) => rule.judge(worker) === undefined).map(({ uid }) => uid);
  assert.deepEqual(taken(kept), ["new", "own"]);
  assert.deepEqual(taken(like), ["old", "own"]);
  assert.deepEqual(taken(silent), ["silent", "own"]);
  assert.equal(kept.descriptor, same);
});

test("isBuildDescriptor takes what a rule is restored from, and nothing else", () => {
  for (const value of [{ kind: "worker" }, { kind: "same", build: "b" }]) {
    assert.equal(isBuildDescriptor(value), true);
  }
  for (const value of [null, "same", { kind: "same" }, { kind: "same", build: "a\nb" }, { kind: "other" }]) {
    assert.equal(isBuildDescriptor(value), false);
  }
});
