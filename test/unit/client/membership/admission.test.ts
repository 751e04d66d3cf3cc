import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AdmissionRules, judgeAdmission } from "../../../../src/client/membership/admission.ts";
import { sameBuild } from "../../../../src/client/membership/build-rule.ts";
import type { WorkerMetadata } from "../../../../src/wire/worker-metadata.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const RULES: AdmissionRules = { version: "1.2.3", secure: false, hostId: "h", filter: undefined };

function judge(worker: Partial<WorkerMetadata>, rules: Partial<AdmissionRules> = {}): string | undefined {
  const refusal = judgeAdmission(workerMetadata({ version: "1.0.0", ...worker }), { ...RULES, ...rules });
  if (refusal !== undefined) {
    assert.equal(refusal.uid, "worker-1");
    assert.notEqual(refusal.detail, "");
  }
  return refusal?.reason;
}

describe("judgeAdmission", () => {
  test("admits the same major, older and newer", () => {
    for (const version of ["1.2.3", "1.0.0", "1.99.0", "v1", "1.2.3-beta.1", "1.0rc1"]) {
      assert.equal(judge({ version }), undefined, version);
    }
  });

  test("refuses another major, and what is no version", () => {
    for (const version of ["2.0.0", "0.9", "", "latest"])
      assert.equal(judge({ version }), "version", version);
  });

  test("refuses a worker that speaks other codecs only; one that names none in code speaks ours", () => {
    const { codecs: _, ...silent } = workerMetadata({ version: "1.0.0" });

    assert.equal(judge({ codecs: ["cloudpickle"] }), "codec");
    assert.equal(judge({ codecs: [] }), "codec");
    assert.equal(judge({ codecs: ["cloudpickle", "merino-1"] }), undefined);
    assert.equal(judgeAdmission(silent, RULES), undefined);
  });

  test("wants the same posture on the network; a local worker counts as secure", () => {
    assert.equal(judge({ secure: true }), "security");
    assert.equal(judge({ secure: false }, { secure: true }), "security");
    assert.equal(judge({ secure: true }, { secure: true }), undefined);
    assert.equal(judge({ secure: true, address: "unix:/run/a" }), undefined);
    assert.equal(judge({ secure: true, socket: "/run/a", hostId: "h" }), undefined);
  });

  test("asks the filter last, and only about workers that pass all else", () => {
    const asked: string[] = [];
    const filter = (worker: WorkerMetadata): boolean => {
      asked.push(worker.version);
      return worker.tags.includes("blue");
    };

    assert.equal(judge({ version: "2.0.0" }, { filter }), "version");
    assert.equal(judge({ tags: ["red"] }, { filter }), "filter");
    assert.equal(judge({ tags: ["blue"] }, { filter }), undefined);
    assert.deepEqual(asked, ["1.0.0", "1.0.0"]);
  });

  test("judges the build after all else", () => {
    const build = sameBuild("b");
    const filter = ({ tags }: WorkerMetadata): boolean => tags.includes("blue");

    assert.equal(judge({ version: "2.0.0", build: "a" }, { build }), "version");
    assert.equal(judge({ tags: ["red"], build: "a" }, { build, filter }), "filter");
    assert.equal(judge({ build: "a" }, { build }), "build");
    assert.equal(judge({}, { build }), "build");
    assert.equal(judge({ build: "b" }, { build }), undefined);
  });
});
