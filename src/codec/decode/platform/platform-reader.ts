/** Reads objects of the platform whose content is in no field. */
import { Extension } from "../../format.ts";
import type { Decoding } from "../decoding.ts";
import { readBlob } from "./blob-reader.ts";
import { readIntl } from "./intl-reader.ts";
import { readRequest, readResponse } from "./request-reader.ts";
import { readTemporal } from "./temporal-reader.ts";
import { readFormData, readHeaders } from "./web-reader.ts";

/**
 * Reads one.
 *
 * @param type Its extension.
 * @param end Where it ends.
 * @returns `undefined` for an extension that is none of them.
 */
export function readPlatform(decoding: Decoding, type: number, end: number): object | undefined {
  switch (type) {
    case Extension.BLOB:
      return readBlob(decoding, end);
    case Extension.HEADERS:
      return readHeaders(decoding, end);
    case Extension.FORM_DATA:
      return readFormData(decoding, end);
    case Extension.REQUEST:
      return readRequest(decoding, end);
    case Extension.RESPONSE:
      return readResponse(decoding);
    case Extension.INTL:
      return readIntl(decoding, end);
    case Extension.TEMPORAL:
      return readTemporal(decoding);
    default:
      return undefined;
  }
}
