/**
 * Writes requests and responses. A body that has not been read goes along as a stream, which belongs to the call from then
 * on; it is not touched before the other end reads it.
 */
import { Extension } from "../../format.ts";
import { REQUEST_DEFAULTS, type RequestOption } from "../../platform/request-options.ts";
import type { Encoding } from "../encoding.ts";
import { Step } from "../trail.ts";

/** The lowest and the highest status of a response that can be made. */
const STATUSES = { least: 200, most: 599 } as const;

/** Writes a request: method, URL, headers, body, signal, then the options that it was given. */
export function writeRequest(encoding: Encoding, request: Request): void {
  const { method, url, headers, body, signal } = request;
  assertUnread(encoding, request, "request");
  if (body !== null && request.keepalive) {
    encoding.refuse("it is a Request with `keepalive` and a body, which cannot be a stream; send it without");
  }
  const extension = encoding.openExtension(Extension.REQUEST);
  encoding.enter(Step.PROPERTY);
  encoding.writeString(method);
  encoding.writeString(url);
  encoding.at("headers");
  encoding.writeValue(headers);
  encoding.at("body");
  encoding.writeValue(body);
  encoding.at("signal");
  encoding.writeValue(encoding.options.signals === undefined ? null : signal);
  encoding.leave();
  for (const [option, usual] of Object.entries(REQUEST_DEFAULTS)) {
    const value = request[option as RequestOption];
    if (value === usual) continue;
    encoding.writeString(option);
    encoding.writeValue(value);
  }
  encoding.closeExtension(extension);
}

/** Writes a response: status and its text, headers, body, then what only `fetch` gives one. */
export function writeResponse(encoding: Encoding, response: Response): void {
  const { status, statusText, headers, body, url, type, redirected } = response;
  assertUnread(encoding, response, "response");
  if (type !== "error" && (status < STATUSES.least || status > STATUSES.most)) {
    encoding.refuse(
      `it is a Response with the status ${status}, with which none can be made; send its parts`,
    );
  }
  const extension = encoding.openExtension(Extension.RESPONSE);
  encoding.enter(Step.PROPERTY);
  encoding.writeNumber(status);
  encoding.writeString(statusText);
  encoding.at("headers");
  encoding.writeValue(headers);
  encoding.at("body");
  encoding.writeValue(body);
  encoding.writeString(url);
  encoding.writeString(type);
  encoding.writeByte(redirected ? 0xc3 : 0xc2);
  encoding.leave();
  encoding.closeExtension(extension);
}

/** Refuses a body that nobody can read any more, and one where there can be no streams. */
function assertUnread(
  encoding: Encoding,
  { body, bodyUsed }: Request | Response,
  what: "request" | "response",
): void {
  if (bodyUsed || body?.locked === true) {
    encoding.refuse(
      `its body has been read, or is being read; send it before that, or ${what}.clone() made before that, or what was read`,
    );
  }
  if (body !== null && encoding.options.flows === undefined) {
    encoding.refuse(
      `its body is a stream, which travels only among the arguments of a call and in what a function returns; send what it holds: await ${what}.json(), text() or arrayBuffer()`,
    );
  }
}
