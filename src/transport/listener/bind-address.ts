/** Addresses on which a server is to listen: names are resolved, and what the system refuses is an option's fault. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";

/** Where a server is to listen. */
export interface BindAddress {
  /** An address or a name, without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** The options that named an address: one for each part, or one for both. */
export interface BindOptions {
  readonly host: string;
  readonly port: string;
}

/** @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for a name that is none. */
export async function resolveHost(host: string, { host: option }: BindOptions): Promise<string> {
  if (isIP(host) !== 0) return host;
  const found = await lookup(host).catch(() => undefined);
  if (found !== undefined) return found.address;
  throw new InvalidOptionError(option, {
    value: host,
    expected: "an address of this host, or a name of one",
  });
}

/** Explains why the system does not let a server listen. An error that no option is to blame for stays as it is. */
export function explainBindError(error: unknown, { host, port }: BindAddress, options: BindOptions): unknown {
  const both = options.host === options.port;
  const portValue = both ? `${isIP(host) === 6 ? `[${host}]` : host}:${port}` : port;
  const anyPort = both ? "" : " (0 takes any)";
  switch ((error as NodeJS.ErrnoException).code) {
    case "EADDRINUSE":
      return new InvalidOptionError(options.port, {
        value: portValue,
        expected: `a free port on '${host}'${anyPort}; another program listens on this one`,
      });
    case "EACCES":
      return new InvalidOptionError(options.port, {
        value: portValue,
        expected: `a port that this user may listen on, as a rule one from 1024 up${anyPort}`,
      });
    case "EADDRNOTAVAIL":
    case "EINVAL": {
      // A link-local address is one of each of the host's networks.
      const zone = /^fe[89ab][0-9a-f]:[^%]*$/i.test(host);
      const expected = `an address of this host${zone ? `; a link-local one with the interface that has it, as in '${host}%eth0'` : ""}`;
      return new InvalidOptionError(options.host, { value: host, expected });
    }
    default:
      return error;
  }
}
