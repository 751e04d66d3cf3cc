/** Reads the classes of the web that have entries: headers and forms. */
import type { Decoding } from "../decoding.ts";

/** Between values of one header. */
const SEPARATOR = ", ";

/** Headers. @param end Where they end. */
export function readHeaders(decoding: Decoding, end: number): Headers {
  const headers = new Headers();
  decoding.register(headers);
  while (decoding.position < end) append(headers, decoding.readString(), decoding.readString());
  return headers;
}

/** Of several values of one header the last ones may be empty: the space before such a one would be cut off. */
function append(headers: Headers, name: string, value: string): void {
  let end = value.length;
  while (value.endsWith(SEPARATOR, end)) end -= SEPARATOR.length;
  headers.append(name, value.slice(0, end));
  for (; end < value.length; end += SEPARATOR.length) headers.append(name, "");
}

/** A form. @param end Where it ends. */
export function readFormData(decoding: Decoding, end: number): FormData {
  const form = new FormData();
  decoding.register(form);
  decoding.enter();
  while (decoding.position < end) {
    const name = decoding.readString();
    const value = decoding.readValue();
    if (typeof value === "string") form.append(name, value);
    else if (value instanceof File) form.append(name, value);
    else decoding.fail("a form holds what is neither a text nor a file");
  }
  decoding.leave();
  return form;
}
