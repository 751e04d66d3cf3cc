import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  classifyConnectionFailure,
  classifyRefusal,
  FAILURE_POLICY,
} from "../../../../src/client/members/failure-policy.ts";
import { HandshakeError } from "../../../../src/errors/handshake-error.ts";
import { ProtocolError } from "../../../../src/errors/protocol-error.ts";
import { VersionError } from "../../../../src/errors/version-error.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";

describe("FAILURE_POLICY", () => {
  test("evicts for a broken protocol or rule of the gate, and for nothing else", () => {
    const evicting = Object.entries(FAILURE_POLICY)
      .filter(([, { member }]) => !["keep", "back-off", "strike"].includes(member))
      .map(([kind]) => kind)
      .sort();

    assert.deepEqual(evicting, ["codec", "protocol", "refused-codec", "refused-version", "version"]);
  });

  test("counts what a worker spoils against it, and nothing that a caller or a routine does", () => {
    const counted = Object.entries(FAILURE_POLICY).filter(([, { member }]) => member === "strike");

    assert.deepEqual(
      counted.map(([kind, { call }]) => `${kind} ${call}`),
      ["stream-broken surface", "answer-malformed surface"],
    );
  });

  test("decides every refusal there is, and sends the call on for one it does not know", () => {
    const calls = Object.fromEntries(
      Object.entries(NackCode).map(([name, code]) => [name, FAILURE_POLICY[classifyRefusal(code)].call]),
    );

    assert.deepEqual(calls, {
      UNSPECIFIED: "next",
      VERSION: "next",
      CODEC: "next",
      DRAINING: "next",
      FULL: "next",
      UNKNOWN_ROUTINE: "next",
      NOT_EXPOSED: "next",
      FORBIDDEN: "surface",
      BAD_PAYLOAD: "surface",
      TOO_LARGE: "surface",
      EXPIRED: "surface",
      IMPORT_FAILED: "next",
      HELD: "surface",
      LACKS_RESOURCES: "next",
      RESERVATION_LOST: "surface",
    });
    assert.deepEqual(FAILURE_POLICY[classifyRefusal(4_711)], { call: "next", member: "keep" });
  });

  test("connects again after what the network, or an unknown error, has done", () => {
    for (const error of [undefined, new Error("reset"), new HandshakeError("nobody there")]) {
      assert.equal(FAILURE_POLICY[classifyConnectionFailure(error)].member, "back-off");
    }
    assert.equal(FAILURE_POLICY[classifyConnectionFailure(new ProtocolError("?"))].member, "evicted");
    assert.equal(FAILURE_POLICY[classifyConnectionFailure(new VersionError("1", "2"))].member, "version");
    const foreign = new ProtocolError("no codec in common", { refusal: "CODEC" });
    assert.equal(FAILURE_POLICY[classifyConnectionFailure(foreign)].member, "codec");
  });
});
