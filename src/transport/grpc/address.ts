/** The address of a worker as the system's sockets and HTTP/2 want it. */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { MAX_SOCKET_PATH_BYTES } from "../../internal/socket-path-limit.ts";

/** Where to connect to. */
export interface GrpcAddress {
  /** The options for `net.connect`. */
  readonly socket: { readonly host: string; readonly port: number } | { readonly path: string };
  /** The value of a request's `:authority` header. */
  readonly authority: string;
  /** Whether it is a Unix socket. */
  readonly local: boolean;
}

const HOST_AND_PORT = /^(?:\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/;

/**
 * Reads an address.
 *
 * @param address `host:port`, `[v6]:port` or `unix:/path`.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `address`) for anything else.
 */
export function parseGrpcAddress(address: string): GrpcAddress {
  const path = address.startsWith("unix:") ? address.slice("unix:".length) : undefined;
  if (path !== undefined) {
    if (!path.startsWith("/") || path.includes("\0") || Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new InvalidOptionError("address", {
        value: address,
        expected: `'unix:' and an absolute path of at most ${MAX_SOCKET_PATH_BYTES} bytes`,
      });
    }
    return { socket: { path }, authority: "localhost", local: true };
  }
  const [, v6, name, portText] = HOST_AND_PORT.exec(address) ?? [];
  const host = v6 ?? name;
  const port = Number(portText);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new InvalidOptionError("address", {
      value: address,
      expected: "'host:port', '[v6]:port' or 'unix:/path', with a port from 1 to 65535",
    });
  }
  // The zone of a link-local address means something to this host only.
  const authority = v6 === undefined ? `${host}:${port}` : `[${v6.replace(/%.*$/, "")}]:${port}`;
  return { socket: { host, port }, authority, local: false };
}
