/** One connection between a client and a worker, as both sides can name it. */
export interface ConnectionId {
  /** The client's uid, as in its Hello. */
  readonly client: string;
  /** The client's number for the connection, as in its Hello. */
  readonly session: number;
}
