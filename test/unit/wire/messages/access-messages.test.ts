/** The messages by which a worker tells what callers may call, as bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { AccessReportSchema, AccessRequestSchema } from "../../../../src/wire/gen/wire_pb.ts";
import {
  decodeAccessReport,
  decodeAccessRequest,
  encodeAccessReport,
  encodeAccessRequest,
} from "../../../../src/wire/messages/access-messages.ts";

const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => value.isWellFormed());
const name = fc.stringMatching(/^[!-~]{1,40}$/);
const routines = fc.array(
  fc.record({ routine: name, permitted: fc.boolean(), rule: text }, { noNullPrototype: true }),
  { maxLength: 5 },
);

test("the question what a caller may call is what the schema says, and is read back", () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), (identities) => {
      const bytes = encodeAccessRequest(identities);

      assert.deepEqual(fromBinary(AccessRequestSchema, bytes).identities, identities);
      assert.deepEqual(decodeAccessRequest(bytes), identities);
    }),
  );
});

test("the answer is what the schema says, and is read back", () => {
  fc.assert(
    fc.property(routines, (given) => {
      const report = create(AccessReportSchema, { routines: given });

      const read = fromBinary(AccessReportSchema, encodeAccessReport(given)).routines;
      assert.deepEqual(
        read.map(({ routine, permitted, rule }) => ({ routine, permitted, rule })),
        given,
      );
      assert.deepEqual(decodeAccessReport(toBinary(AccessReportSchema, report)), given);
    }),
  );
});

for (const bytes of ["0a", "0a05", "0a020aff", "ff"]) {
  test(`what is no such message is refused: ${bytes}`, () => {
    for (const decode of [decodeAccessRequest, decodeAccessReport]) {
      assert.throws(() => decode(Buffer.from(bytes, "hex")), { code: "ERR_MERINO_PROTOCOL" });
    }
  });
}
