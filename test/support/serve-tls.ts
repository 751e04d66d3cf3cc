/** The gRPC server of a worker in the test's own process, with credentials, and connections to it. */
import { rmSync } from "node:fs";
import { identitiesOf } from "../../src/credentials/peers/identities.ts";
import type { Trust, TrustData, TrustMaterial, TrustPolicy } from "../../src/credentials/trust.ts";
import { parseGrpcAddress } from "../../src/transport/grpc/address.ts";
import { GrpcChannel } from "../../src/transport/grpc/channel.ts";
import { classifyUnaryEnd } from "../../src/transport/grpc/error-from-status.ts";
import { GRPC_METHODS } from "../../src/transport/grpc/service.ts";
import type { BindAddress } from "../../src/transport/listener/bind-address.ts";
import { type GrpcListener, listenGrpc } from "../../src/transport/listener/listen.ts";
import type { GrpcPeer } from "../../src/transport/listener/server-call.ts";
import { socketPath } from "../../src/transport/unix/socket-path.ts";
import type { IssuedCertificate } from "./issue-certificate.ts";

/** A server that listens on 127.0.0.1. */
export interface ServedTls extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly listener: GrpcListener;
  /** Who has opened sessions. */
  readonly peers: readonly GrpcPeer[];
}

/** Starts the server. It answers `idle`, tells of its health, and ends sessions at once. */
export async function serveTls(
  trust: TrustData | undefined,
  how: { readonly takesCalls?: () => boolean; readonly health?: BindAddress } = {},
): Promise<ServedTls> {
  const peers: GrpcPeer[] = [];
  const controlPath = socketPath();
  const listener = await listenGrpc({
    host: "127.0.0.1",
    port: 0,
    controlPath,
    channel: {},
    maxBatchBytes: 1 << 20,
    trust,
    health: how.health,
    stopAllow: [],
    handlers: {
      session(call) {
        peers.push(call.peer);
        call.end();
        return { message() {}, drain() {}, halfClosed() {}, closed() {} };
      },
      dispatch: () => ({ message() {}, drain() {}, halfClosed() {}, closed() {} }),
      idleSeconds: () => 7,
      takesCalls: how.takesCalls ?? (() => true),
      describe: () => Promise.reject(new Error("not in this test")),
      access: () => Promise.reject(new Error("not in this test")),
      stop() {},
    },
  });
  return {
    address: `127.0.0.1:${listener.port}`,
    port: listener.port,
    listener,
    peers,
    async [Symbol.asyncDispose]() {
      await listener.close(0);
      rmSync(controlPath, { force: true });
    },
  };
}

/** Material as it stands, whatever is wrong with it. */
export function materialOf(
  own: Pick<IssuedCertificate, "cert" | "key" | "certificate"> | undefined,
  ca: string | undefined,
): TrustMaterial {
  if (own === undefined) return { ca, identities: [] };
  return { ca, cert: own.cert, key: own.key, identities: identitiesOf(own.certificate) };
}

/** Credentials of material that is never checked or replaced. */
export function trustOfMaterial(material: TrustMaterial, policy: Partial<TrustPolicy> = {}): Trust {
  return {
    policy: { mutual: true, ...policy },
    key: "of a test",
    current: async () => material,
    follow: () => ({ [Symbol.dispose]() {} }),
  };
}

/** Connects as a caller does, makes one call, and leaves. @throws What the caller is told. */
export async function callOnce(
  address: string,
  how: { readonly trust?: Trust | undefined; readonly identity?: string | undefined } = {},
): Promise<void> {
  const channel = await GrpcChannel.connect(parseGrpcAddress(address), { ...how, connectTimeoutMs: 5_000 });
  try {
    await new Promise<void>((resolve, reject) => {
      const call = channel.call(GRPC_METHODS.idle, {
        maxMessageBytes: 4_096,
        events: {
          message: () => resolve(),
          drain() {},
          ended: (end) => reject(classifyUnaryEnd(end, "ask", address)),
        },
      });
      call.send(new Uint8Array(0));
      call.halfClose();
    });
  } finally {
    channel.destroy();
    await channel.closed;
  }
}
