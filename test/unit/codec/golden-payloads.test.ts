/** The bytes of the format do not change, and its documentation shows them as they are. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Extension } from "../../../src/codec/format.ts";
import { assertSame } from "./assert-same.ts";
import { GOLDEN_PAYLOADS } from "./golden-payloads.ts";
import { fromHex, receive, send, sendPlatform, sendUnits } from "./support.ts";

const documentation = readFileSync(new URL("../../../src/codec/README.md", import.meta.url), "utf8");

for (const { name, make, hex, textUnits = false, platform = false } of GOLDEN_PAYLOADS) {
  test(`encodeValue writes as ever: ${name}`, () => {
    const { bytes } = platform ? sendPlatform(make()) : textUnits ? sendUnits(make()) : send(make());

    assert.equal(bytes.toString("hex"), hex.replaceAll(" ", ""));
  });

  test(`decodeValue reads as ever: ${name}`, () => {
    const value = receive(fromHex(hex));

    assertSame(value, make());
  });
}

test("the documentation of the format has every extension under its number", () => {
  for (const [name, number] of Object.entries(Extension)) {
    const digits = `0x${number.toString(16).padStart(2, "0")}`;
    assert.match(documentation, new RegExp(`\\| \`${digits}\` \\| ${name} \\|`));
  }
});

test("the documentation of the format shows payloads as they are", () => {
  const shown = [...documentation.matchAll(/`(0[89](?: [0-9a-f]{2})+)`/g)].map((match) => match[1] as string);

  const golden = new Set(GOLDEN_PAYLOADS.map(({ hex }) => hex));

  assert.ok(shown.length >= 20);
  assert.deepEqual(
    shown.filter((hex) => !golden.has(hex)),
    [],
  );
});
