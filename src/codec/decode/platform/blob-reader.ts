/** Reads blobs and files that have come in bytes. */
import type { Decoding } from "../decoding.ts";

/** One. @param end Where it ends. */
export function readBlob(decoding: Decoding, end: number): Blob {
  const index = decoding.reserve();
  decoding.enter();
  const content = decoding.readValue();
  decoding.leave();
  if (!(content instanceof ArrayBuffer || content instanceof Uint8Array))
    decoding.fail("the content of a blob is no binary");
  const type = decoding.readString();
  const parts = [content as Uint8Array<ArrayBuffer>];
  let blob: Blob;
  if (decoding.position === end) blob = new Blob(parts, { type });
  else blob = new File(parts, decoding.readString(), { type, lastModified: decoding.readNumber() });
  decoding.settle(index, blob);
  return blob;
}
