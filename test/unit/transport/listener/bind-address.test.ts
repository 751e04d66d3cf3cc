import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { explainBindError } from "../../../../src/transport/listener/bind-address.ts";

const OPTIONS = { host: "host", port: "port" };

function explained(code: string, host: string): unknown {
  return explainBindError(Object.assign(new Error(code), { code }), { host, port: 0 }, OPTIONS);
}

test("explainBindError tells of a link-local address without its interface how to write it", () => {
  for (const host of ["fe80::1", "FEBF::2"]) {
    const error = explained("EINVAL", host);

    assert.ok(error instanceof InvalidOptionError && error.option === "host");
    assert.match(error.message, new RegExp(`as in '${host}%eth0'`));
  }
});

test("explainBindError says of any other address only that it is not this host's", () => {
  for (const [code, host] of [
    ["EADDRNOTAVAIL", "10.0.0.7"],
    ["EADDRNOTAVAIL", "fd00::7"],
    ["EINVAL", "fe80::1%eth9"],
  ] as const) {
    const error = explained(code, host);

    assert.ok(error instanceof InvalidOptionError && error.option === "host");
    assert.equal(error.expected, "an address of this host");
  }
});
