/** Which error the end of a gRPC call makes: total over codes and ways to end, and never against the worker without cause. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isMerinoError } from "../../../../src/errors/merino-error.ts";
import { ProtocolError } from "../../../../src/errors/protocol-error.ts";
import {
  classifyCarrierEnd,
  classifyUnaryEnd,
  type GrpcEnd,
} from "../../../../src/transport/grpc/error-from-status.ts";
import { GrpcStatus } from "../../../../src/transport/grpc/status-codes.ts";

const STATUSES: readonly GrpcEnd[] = Object.values(GrpcStatus).map((code) => ({
  kind: "status",
  code,
  details: "text",
}));
const RESETS: readonly GrpcEnd[] = Array.from({ length: 14 }, (_, rstCode) => ({ kind: "reset", rstCode }));
const LOST: readonly GrpcEnd[] = [
  { kind: "connection", cause: undefined },
  { kind: "connection", cause: new Error("read ECONNRESET") },
];
const FOREIGN: GrpcEnd = { kind: "foreign", details: "it answers with HTTP status 404" };

function codeOf(error: Error | undefined): string | undefined {
  return isMerinoError(error) ? error.code : error?.name;
}

test("classifyCarrierEnd takes a connection that ends before the peer's first message for one not made", () => {
  for (const end of [...STATUSES, ...RESETS, ...LOST, FOREIGN]) {
    const versionRefused = end.kind === "status" && end.code === GrpcStatus.FAILED_PRECONDITION;

    const error = classifyCarrierEnd(end, "10.0.0.7:5", false);

    assert.equal(codeOf(error), versionRefused ? "ERR_MERINO_VERSION" : "ERR_MERINO_HANDSHAKE");
  }
});

test("classifyCarrierEnd never blames the worker for a reset, a lost connection or a status", () => {
  for (const greeted of [false, true]) {
    for (const end of [...STATUSES, ...RESETS, ...LOST, FOREIGN]) {
      assert.notEqual(codeOf(classifyCarrierEnd(end, "w", greeted)), "ERR_MERINO_PROTOCOL");
    }
  }
});

test("classifyCarrierEnd gives an open connection that ends a plain error, and none for an OK", () => {
  for (const end of [...STATUSES, ...RESETS, ...LOST]) {
    const error = classifyCarrierEnd(end, "w", true);

    if (end.kind === "status" && end.code === GrpcStatus.OK) assert.equal(error, undefined);
    else assert.equal(codeOf(error), "Error");
  }
});

test("classifyCarrierEnd passes broken bytes and this side's own reason on as they are", () => {
  const malformed = new ProtocolError("compressed");
  const reason = new Error("no longer wanted");

  for (const greeted of [false, true]) {
    assert.equal(classifyCarrierEnd({ kind: "malformed", error: malformed }, "w", greeted), malformed);
    assert.equal(classifyCarrierEnd({ kind: "cancelled", error: reason }, "w", greeted), reason);
    assert.equal(classifyCarrierEnd({ kind: "cancelled", error: undefined }, "w", greeted), undefined);
  }
});

test("classifyCarrierEnd keeps the system's error as the cause", () => {
  const cause = new Error("read ECONNRESET");

  assert.equal(classifyCarrierEnd({ kind: "connection", cause }, "w", false)?.cause, cause);
  assert.equal(classifyCarrierEnd({ kind: "connection", cause }, "w", true)?.cause, cause);
});

test("classifyUnaryEnd has an error of our family for every end", () => {
  const malformed: GrpcEnd = { kind: "malformed", error: new ProtocolError("cut off") };

  for (const end of [...STATUSES, ...RESETS, ...LOST, FOREIGN]) {
    const versionRefused = end.kind === "status" && end.code === GrpcStatus.FAILED_PRECONDITION;
    const code = codeOf(classifyUnaryEnd(end, "describe the worker", "w"));

    assert.equal(code, versionRefused ? "ERR_MERINO_VERSION" : "ERR_MERINO_HANDSHAKE");
  }
  assert.equal(codeOf(classifyUnaryEnd(malformed, "describe the worker", "w")), "ERR_MERINO_PROTOCOL");
});

test("classifyUnaryEnd finds the peer's version in what the peer says", () => {
  const details = "Cannot talk to a worker of version '7.1.0': this side is '8.0.0'";

  const error = classifyUnaryEnd({ kind: "status", code: GrpcStatus.FAILED_PRECONDITION, details }, "x", "w");

  assert.equal((error as { remote?: unknown }).remote, "7.1.0");
});
