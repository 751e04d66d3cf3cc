/** Which addresses can be connected to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGrpcAddress } from "../../../../src/transport/grpc/address.ts";

test("parseGrpcAddress reads hosts, IPv6 literals and Unix sockets", () => {
  assert.deepEqual(parseGrpcAddress("10.0.0.7:50051"), {
    socket: { host: "10.0.0.7", port: 50051 },
    authority: "10.0.0.7:50051",
    local: false,
  });
  assert.deepEqual(parseGrpcAddress("[::1]:1"), {
    socket: { host: "::1", port: 1 },
    authority: "[::1]:1",
    local: false,
  });
  assert.deepEqual(parseGrpcAddress("unix:/run/a b"), {
    socket: { path: "/run/a b" },
    authority: "localhost",
    local: true,
  });
});

test("parseGrpcAddress keeps the zone of a link-local address for the system only", () => {
  const { socket, authority } = parseGrpcAddress("[fe80::1%eth0]:9");

  assert.deepEqual(socket, { host: "fe80::1%eth0", port: 9 });
  assert.equal(authority, "[fe80::1]:9");
});

test("parseGrpcAddress refuses everything else by name", () => {
  const bad = [
    "",
    "host",
    "host:",
    "host:0",
    "host:65536",
    "::1:50051",
    "[::1]",
    "http://host:1",
    "a/b:1",
    "user@host:1",
    "host:1/path",
    "unix:",
    "unix:relative",
    "unix:/a\0b",
    `unix:/${"x".repeat(103)}`,
  ];

  for (const address of bad) {
    assert.throws(
      () => parseGrpcAddress(address),
      { code: "ERR_MERINO_INVALID_OPTION", option: "address" },
      address,
    );
  }
});
