/** Reads requests and responses. */
import { isAbortSignal } from "../../../internal/is-abort-signal.ts";
import { REQUEST_DEFAULTS } from "../../platform/request-options.ts";
import type { Decoding } from "../decoding.ts";

/** A request. @param end Where it ends. */
export function readRequest(decoding: Decoding, end: number): Request {
  const index = decoding.reserve();
  decoding.enter();
  const method = decoding.readString();
  const url = decoding.readString();
  const [headers, headersIndex] = readHeadersOf(decoding);
  const body = readBody(decoding);
  const signal = decoding.readValue();
  if (signal !== null && (typeof signal !== "object" || !isAbortSignal(signal)))
    decoding.fail("the signal of a request is none");
  const options: Record<string, unknown> = {};
  while (decoding.position < end) {
    const option = decoding.readString();
    const value = decoding.readValue();
    if (!Object.hasOwn(REQUEST_DEFAULTS, option))
      decoding.failHere("a request has an option that is not known");
    if (typeof value !== typeof REQUEST_DEFAULTS[option as keyof typeof REQUEST_DEFAULTS])
      decoding.fail("an option of a request is of another type");
    options[option] = value;
  }
  decoding.leave();
  const request = new Request(url, {
    ...options,
    method,
    headers,
    ...(signal !== null && { signal }),
    ...(body !== null && { body, duplex: "half" }),
  });
  decoding.settle(index, request);
  decoding.settle(headersIndex, request.headers);
  return request;
}

/** A response. */
export function readResponse(decoding: Decoding): Response {
  const index = decoding.reserve();
  decoding.enter();
  const status = decoding.readCount();
  const statusText = decoding.readString();
  const [headers, headersIndex] = readHeadersOf(decoding);
  const body = readBody(decoding);
  const url = decoding.readString();
  const type = decoding.readString();
  const redirected = decoding.readValue();
  if (typeof redirected !== "boolean") decoding.fail("a response has an odd end");
  decoding.leave();
  const response = type === "error" ? Response.error() : new Response(body, { status, statusText, headers });
  // What only `fetch` gives a response: not enumerable, as little as the accessors of its class are fields of it.
  for (const [key, value] of Object.entries({ url, type, redirected })) {
    if (response[key as "url"] !== value) Object.defineProperty(response, key, { value, configurable: true });
  }
  decoding.settle(index, response);
  decoding.settle(headersIndex, response.headers);
  return response;
}

/** The headers, and the number under which they can be referred to: they become those of what is made with them. */
function readHeadersOf(decoding: Decoding): readonly [headers: Headers, index: number] {
  const index = decoding.objects?.count ?? -1;
  const headers = decoding.readValue();
  if (!(headers instanceof Headers)) decoding.fail("it has no headers");
  return [headers, decoding.objects?.count === index ? -1 : index]; // or they have been met before
}

/** The body, as the stream that it travels as. */
function readBody(decoding: Decoding): ReadableStream | null {
  const body = decoding.readValue();
  if (body !== null && !(body instanceof ReadableStream)) decoding.fail("a body is no stream");
  return body;
}
