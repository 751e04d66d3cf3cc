/** Writes the classes of the web: here those that have entries, headers and forms. */
import { Extension } from "../../format.ts";
import type { WebKind } from "../../platform/platform-kinds.ts";
import type { Encoding } from "../encoding.ts";
import { Step } from "../trail.ts";
import { writeBlob } from "./blob-writer.ts";
import { writeRequest, writeResponse } from "./request-writer.ts";

type Writer = (encoding: Encoding, object: never) => void;

/** The writer of each. */
export const WEB_WRITERS: Readonly<Record<WebKind, Writer>> = {
  Blob: writeBlob,
  File: writeBlob,
  Headers: writeHeaders,
  FormData: writeFormData,
  Request: writeRequest,
  Response: writeResponse,
};

/** Names and values in turn, cookies that are set each for itself. */
function writeHeaders(encoding: Encoding, headers: Headers): void {
  const extension = encoding.openExtension(Extension.HEADERS);
  for (const [name, value] of headers) {
    encoding.writeString(name);
    encoding.writeString(value);
  }
  encoding.closeExtension(extension);
}

/** Names and values in turn; a value is a text or a file. */
function writeFormData(encoding: Encoding, form: FormData): void {
  const extension = encoding.openExtension(Extension.FORM_DATA);
  encoding.enter(Step.MAP_VALUE);
  for (const [name, value] of form) {
    encoding.at(name);
    encoding.writeString(name);
    if (typeof value === "string") encoding.writeString(value);
    else encoding.writeValue(value);
  }
  encoding.leave();
  encoding.closeExtension(extension);
}
