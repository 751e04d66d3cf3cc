/** How a worker describes itself to discovery and to its peers. Data only; mirrors the wire's message. */
import type { ChannelOptions } from "./channel-options.ts";

/** A worker as discovery announces it and as a pool shows it. */
export interface WorkerMetadata {
  /** Unique among all workers, never reused. */
  readonly uid: string;
  /** `host:port`, `[v6]:port` or `unix:/path`. */
  readonly address: string;
  /** Process id on its host. */
  readonly pid: number;
  /** Version of the package, whose major is the wire's. */
  readonly version: string;
  /** Given by whoever started it. Pools and proxies with `tags` use only workers that have one of theirs. */
  readonly tags: readonly string[];
  /** Further entries from whoever started the worker. */
  readonly extra: Readonly<Record<string, string>>;
  /** Whether connections to it are authenticated: TLS, or a local socket. */
  readonly secure: boolean;
  /** How connections to it are kept: intervals and limits. */
  readonly options: ChannelOptions;
  /**
   * The name by which callers verify it, which its certificate has to present: a DNS name or a URI, such as
   * `"spiffe://farm/thumbs"`. Absent: the host that they dial.
   */
  readonly identity?: string;
  /** For example `"node"`. */
  readonly runtime?: string;
  /** Payload codecs it speaks; absent in records given by code means: ours. */
  readonly codecs?: readonly string[];
  /** Path of its Unix socket, for peers on the same host. */
  readonly socket?: string;
  /** Identifies the host, so that peers know whether `socket` can be reached. */
  readonly hostId?: string;
  /**
   * Which build of its program it runs, in words of whoever deploys it: a text of at most 256 characters. Pools and
   * proxies with `build` choose by it. Absent: it does not say.
   */
  readonly build?: string;
  /**
   * How much it has of what routines can need, as `{ gpu: 2 }`: at most 16 amounts, with three decimals at most. Absent:
   * nothing.
   */
  readonly resources?: Readonly<Record<string, number>>;
}
