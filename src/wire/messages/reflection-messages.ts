/**
 * The messages of gRPC's `ServerReflection` as bytes: what somebody asks about the schema, and the answers. Its two
 * versions, `v1` and `v1alpha`, have the same ones.
 */
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";

/** What is asked for. */
export type ReflectionQuestion =
  | { readonly kind: "file"; readonly name: string }
  /** The file that declares it. */
  | { readonly kind: "symbol"; readonly name: string }
  /** The file that extends a type with some number. */
  | { readonly kind: "extension" }
  /** The numbers with which a type is extended. */
  | { readonly kind: "extensions"; readonly type: string }
  | { readonly kind: "services" };

/** One request. */
export interface ReflectionRequest {
  readonly host: string;
  /** Absent: nothing that this side knows. */
  readonly question: ReflectionQuestion | undefined;
}

/** What is answered. */
export type ReflectionAnswer =
  /** Files of the schema, each an encoded `FileDescriptorProto`. */
  | { readonly kind: "files"; readonly files: readonly Uint8Array[] }
  /** The type exists, and nothing extends it: there are no extensions in proto3. */
  | { readonly kind: "unextended"; readonly type: string }
  | { readonly kind: "services"; readonly names: readonly string[] }
  /** @see GrpcStatus for `code`. */
  | { readonly kind: "error"; readonly code: number; readonly message: string };

const RequestTag = {
  Host: 0x0a,
  FileByFilename: 0x1a,
  FileContainingSymbol: 0x22,
  FileContainingExtension: 0x2a,
  AllExtensionNumbersOfType: 0x32,
  ListServices: 0x3a,
} as const;

const ResponseTag = {
  ValidHost: 0x0a,
  OriginalRequest: 0x12,
  FileDescriptorResponse: 0x22,
  AllExtensionNumbersResponse: 0x2a,
  ListServicesResponse: 0x32,
  ErrorResponse: 0x3a,
} as const;

/** Of the messages with one field, or a first one, of text, bytes or messages. */
const FIRST = 0x0a;
const ErrorTag = { Code: 0x08, Message: 0x12 } as const;

const REQUEST_FIELDS = fieldNumbers(RequestTag);

/**
 * Decodes a `ServerReflectionRequest`. Of several questions the last one counts.
 *
 * @throws {@link ProtocolError} if the bytes are not the message.
 */
export function decodeReflectionRequest(bytes: Uint8Array): ReflectionRequest {
  const scanner = new FieldScanner();
  scanner.reset(bytes, 0, bytes.length);
  let host = "";
  let question: ReflectionQuestion | undefined;
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case RequestTag.Host:
        host = scanner.text();
        break;
      case RequestTag.FileByFilename:
        question = { kind: "file", name: scanner.text() };
        break;
      case RequestTag.FileContainingSymbol:
        question = { kind: "symbol", name: scanner.text() };
        break;
      case RequestTag.FileContainingExtension:
        scanner.skip(tag);
        question = { kind: "extension" };
        break;
      case RequestTag.AllExtensionNumbersOfType:
        question = { kind: "extensions", type: scanner.text() };
        break;
      case RequestTag.ListServices:
        scanner.skip(tag);
        question = { kind: "services" };
        break;
      default:
        scanner.skipUnknown(tag, REQUEST_FIELDS);
    }
  }
  scanner.assertIntact("ServerReflectionRequest");
  return { host, question };
}

/**
 * Encodes a `ServerReflectionResponse`.
 *
 * @param request The bytes that are answered, which go back with the answer, and the host in them.
 */
export function encodeReflectionResponse(
  request: { readonly bytes: Uint8Array; readonly host: string },
  answer: ReflectionAnswer,
): Uint8Array {
  const writer = new FieldWriter()
    .text(ResponseTag.ValidHost, request.host)
    .bytes(ResponseTag.OriginalRequest, request.bytes);
  switch (answer.kind) {
    case "files": {
      const files = new FieldWriter();
      for (const file of answer.files) files.bytes(FIRST, file);
      return writer.bytes(ResponseTag.FileDescriptorResponse, files.finish()).finish();
    }
    case "unextended":
      return writer
        .bytes(
          ResponseTag.AllExtensionNumbersResponse,
          new FieldWriter().element(FIRST, answer.type).finish(),
        )
        .finish();
    case "services": {
      const services = new FieldWriter();
      for (const name of answer.names) services.bytes(FIRST, new FieldWriter().element(FIRST, name).finish());
      return writer.bytes(ResponseTag.ListServicesResponse, services.finish()).finish();
    }
    case "error":
      return writer
        .bytes(
          ResponseTag.ErrorResponse,
          new FieldWriter().uint(ErrorTag.Code, answer.code).text(ErrorTag.Message, answer.message).finish(),
        )
        .finish();
  }
}
