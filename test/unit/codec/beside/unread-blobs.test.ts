/** The content of blobs comes into the parts of a value before that is sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnreadBlobs, unreadIn } from "../../../../src/codec/beside/unread-blobs.ts";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { references } from "../support.ts";

const OPTIONS = { root: "args", references, platform: true, blobs: true } as const;

test("blobs arrive with their content once it has been read, one as one", async () => {
  const blob = new Blob(["some ", "text"], { type: "text/plain" });
  const file = new File(["x".repeat(100_000)], "x.txt", { lastModified: 5 });
  const binary = new Uint8Array(100_000).fill(7);

  const encoded = { ...encodeValue([blob, binary, { file }, blob, new Blob([])], OPTIONS) };
  const unread = unreadIn(encoded);
  await unread?.read();

  assert.ok(unread?.isRead === true);
  assert.equal(unreadIn(encoded), undefined);
  const back = decodeValue(encoded, { references, source: { local: true } });
  const [one, bytes, { file: other }, same, empty] = back as [Blob, Uint8Array, { file: File }, Blob, Blob];
  assert.deepEqual([await one.text(), one.type, one.size], ["some text", "text/plain", 9]);
  assert.deepEqual(bytes, binary);
  assert.deepEqual([other.name, other.lastModified, (await other.text()).length], ["x.txt", 5, 100_000]);
  assert.equal(one, same);
  assert.equal(empty.size, 0);
});

test("a value without blobs, or with empty ones only, has nothing to read", () => {
  assert.equal(encodeValue([new Blob([]), new Headers()], OPTIONS).unread, undefined);
});

test("a blob that cannot be read fails with its path, and with whose fault it is", async () => {
  const unread = new UnreadBlobs("routine");
  const blob = new Blob(["x"]);
  blob.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotReadableError"));
  unread.add({ blob, part: 0, path: "result[1]" });

  await assert.rejects(unread.read(), (error: NotSerializableError) => {
    assert.ok(error instanceof NotSerializableError);
    assert.deepEqual([error.path, error.fault], ["result[1]", "routine"]);
    assert.equal((error.cause as Error).name, "NotReadableError");
    return true;
  });
  assert.equal(unread.isRead, false);
});

test("what stands in an error is not read, and is replaced by a text", () => {
  const error = Object.assign(new Error("x"), { blob: new Blob(["x"]) });

  const { unread, parts, ...encoded } = encodeValue(error, { ...OPTIONS, blobs: false });
  const back = decodeValue({ ...encoded, parts }, { references, source: { local: true } }) as {
    blob: string;
  };

  assert.equal(unread, undefined);
  assert.match(back.blob, /^\[not sent: .*Blob/);
});
