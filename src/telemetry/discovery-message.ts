/** What the channels of `merino:discovery` tell. */

/** One attempt to connect to a worker. It is over when the worker has greeted, or will not be reached. */
export interface ConnectingMessage {
  /** Uid of the worker, as its record says. */
  readonly uid: string;
  /** Its address, as its record says. */
  readonly address: string;
  /** Whether the pool has started it; otherwise it was found. */
  readonly own: boolean;
  /** Why it could not be reached; undefined unless it could not. */
  readonly error: unknown;
}

/** What a discovery has reported about a worker. */
export interface DiscoveryEventMessage {
  /** Whether it is new, its record has changed, or it has gone. */
  readonly type: "found" | "changed" | "gone";
  /** What the discovery looks at, for example `'local:thumbs'`. */
  readonly source: string;
  /** Uid of the worker, as its record says. */
  readonly uid: string;
  /** Its address, as its record says. */
  readonly address: string;
}
