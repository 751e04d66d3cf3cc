/**
 * What it means for a worker to drain: it takes root tasks no more, except those of one connection that may be spared.
 * Nested tasks, of calls under way, are still taken. Absent until the worker drains, and replaced when it spares another.
 */
import type { ConnectionId } from "../session/connection-id.ts";
import type { ServerSession } from "../session/server-session.ts";

/** A worker that drains. */
export class Drain {
  readonly #spared: ConnectionId | undefined;

  /** @param spared A connection whose root tasks are taken all the same; absent: none is. */
  constructor(spared?: ConnectionId) {
    this.#spared = spared;
  }

  /** Whether it spares no connection, which is final. */
  get isWhole(): boolean {
    return this.#spared === undefined;
  }

  /** Whether the client's root tasks are taken no more. */
  concerns(session: ServerSession): boolean {
    const { peer } = session.connection;
    const spared = this.#spared;
    return spared === undefined || peer?.uid !== spared.client || peer.session !== spared.session;
  }
}
