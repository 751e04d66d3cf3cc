/** The messages of `grpc.health.v1.Health` as bytes: which service is asked about, and whether it is served. */
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";

/** What a server says of a service: `HealthCheckResponse.ServingStatus`. */
export const HealthStatus = {
  SERVING: 1,
  NOT_SERVING: 2,
  /** Said to those who watch only; whoever asks once gets the status NOT_FOUND of gRPC. */
  SERVICE_UNKNOWN: 3,
} as const;

/** What a server says of a service. */
export type HealthStatus = (typeof HealthStatus)[keyof typeof HealthStatus];

const RequestTag = { Service: 0x0a } as const;
const ResponseTag = { Status: 0x08 } as const;
const REQUEST_FIELDS = fieldNumbers(RequestTag);

/**
 * Decodes a `HealthCheckRequest`.
 *
 * @returns The service that is asked about; `""` for the server as a whole.
 * @throws {@link ProtocolError} if the bytes are not the message.
 */
export function decodeHealthRequest(bytes: Uint8Array): string {
  const scanner = new FieldScanner();
  scanner.reset(bytes, 0, bytes.length);
  let service = "";
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === RequestTag.Service) service = scanner.text();
    else scanner.skipUnknown(tag, REQUEST_FIELDS);
  }
  scanner.assertIntact("HealthCheckRequest");
  return service;
}

/** Encodes a `HealthCheckResponse`. */
export function encodeHealthResponse(status: HealthStatus): Uint8Array {
  return new FieldWriter().uint(ResponseTag.Status, status).finish();
}
