/** A client of `grpc.health.v1.Health` that is none of ours: the reference implementation, with messages made by hand. */
import type { ClientReadableStream } from "@grpc/grpc-js";
import { eventually } from "./eventually.ts";
import { grpc } from "./foreign-grpc.ts";

const STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

/** What a server says of a service; of a call that it refuses, the name of gRPC's status. */
export type ForeignHealth = (typeof STATUSES)[number] | keyof typeof grpc.status;

/** A call that watches. */
export interface ForeignWatch {
  /** All that it was told, and in the end the status of the call. */
  readonly told: readonly ForeignHealth[];
  /** Resolves once it has been told exactly this. */
  hears(...told: readonly ForeignHealth[]): Promise<void>;
  cancel(): void;
}

/** A client with a connection of its own. */
export interface HealthClient extends Disposable {
  check(service?: string): Promise<ForeignHealth>;
  watch(service?: string): ForeignWatch;
}

/** Connects when it is used. */
export function healthClient(
  address: string,
  secure?: { readonly credentials: grpc.ChannelCredentials; readonly name: string },
): HealthClient {
  const client = new grpc.Client(address, secure?.credentials ?? grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    ...(secure !== undefined && { "grpc.ssl_target_name_override": secure.name }),
  });
  return {
    check: (service = "") =>
      new Promise((resolve) => {
        client.makeUnaryRequest<string, ForeignHealth>(
          "/grpc.health.v1.Health/Check",
          encodeRequest,
          decodeResponse,
          service,
          (error, health) => resolve(error === null ? (health ?? "UNKNOWN") : nameOf(error.code)),
        );
      }),
    watch(service = "") {
      const told: ForeignHealth[] = [];
      const stream: ClientReadableStream<ForeignHealth> = client.makeServerStreamRequest(
        "/grpc.health.v1.Health/Watch",
        encodeRequest,
        decodeResponse,
        service,
      );
      stream.on("data", (health: ForeignHealth) => told.push(health));
      stream.on("status", ({ code }) => told.push(nameOf(code)));
      stream.on("error", () => {}); // its status tells the same
      return {
        told,
        async hears(...expected) {
          await eventually(() => JSON.stringify(told) === JSON.stringify(expected), {
            what: `it is told ${expected.join(", ")}`,
          });
        },
        cancel: () => stream.cancel(),
      };
    },
    [Symbol.dispose]: () => client.close(),
  };
}

function encodeRequest(service: string): Buffer {
  if (service === "") return Buffer.alloc(0);
  const text = Buffer.from(service);
  return Buffer.concat([Buffer.from([0x0a, text.length]), text]); // shorter than 128 bytes
}

function decodeResponse(bytes: Buffer): ForeignHealth {
  return (bytes[0] === 0x08 ? STATUSES[bytes[1] ?? 0] : undefined) ?? "UNKNOWN";
}

function nameOf(code: grpc.status): keyof typeof grpc.status {
  return grpc.status[code] as keyof typeof grpc.status; // its enum has the names the other way round
}
