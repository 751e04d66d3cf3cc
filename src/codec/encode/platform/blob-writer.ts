/** Writes blobs and files: their content beside the message, into which it is read before that is sent. */
import { Extension } from "../../format.ts";
import type { Encoding } from "../encoding.ts";

/** More than any message holds: of a larger one not even the place for its content is kept. */
const MAX_BLOB_BYTES = 2 ** 31;

/** Writes a blob: content, type, and of a file its name and when it was last modified. */
export function writeBlob(encoding: Encoding, blob: Blob): void {
  const { size } = blob;
  if (encoding.options.blobs !== true) {
    encoding.refuse(
      "it is a Blob, whose content can be read only later, for which this is no place: it travels among the arguments of a call, and in what a routine returns or yields; send await blob.arrayBuffer() and its type",
    );
  }
  if (size >= MAX_BLOB_BYTES) encoding.refuse("it is larger than a message can be; send blob.stream()");
  const extension = encoding.openExtension(Extension.BLOB);
  const content = new Uint8Array(size);
  encoding.wroteReference(content); // counts among the objects of the payload
  if (size === 0) encoding.writeBinaryHead(0);
  else encoding.writeNumberExtension(Extension.PART, encoding.addBlob(blob, content));
  encoding.writeString(blob.type);
  if (isFile(blob)) {
    encoding.writeString(blob.name);
    encoding.writeNumber(blob.lastModified);
  }
  encoding.closeExtension(extension);
}

function isFile(blob: Blob): blob is File {
  return blob instanceof File;
}
