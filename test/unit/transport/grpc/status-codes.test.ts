/** The codes of gRPC's statuses, held against the library's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { status as grpcStatus } from "@grpc/grpc-js";
import { GrpcStatus, nameOfGrpcStatus, toGrpcStatus } from "../../../../src/transport/grpc/status-codes.ts";

test("GrpcStatus has the codes of gRPC", () => {
  const official = Object.fromEntries(
    Object.entries(grpcStatus).filter(([name]) => Number.isNaN(Number(name))),
  );

  assert.deepEqual({ ...GrpcStatus }, official);
});

test("toGrpcStatus takes a code that gRPC does not have for UNKNOWN", () => {
  assert.deepEqual([0, 16, 17, -1, 2.5, Number.NaN].map(toGrpcStatus), [0, 16, 2, 2, 2, 2]);
});

test("nameOfGrpcStatus gives the name that gRPC has for a code", () => {
  assert.deepEqual([0, 14].map(toGrpcStatus).map(nameOfGrpcStatus), ["OK", "UNAVAILABLE"]);
});
