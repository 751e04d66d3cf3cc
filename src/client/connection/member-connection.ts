/**
 * One attempt to reach a worker, and the session that comes of it. Its last event says how the connection
 * ended; if this side has ended it, there are no further events. Whether the worker is tried again, and what it is sent, is for its member to
 * decide.
 */
import { runOutsideScope } from "../../context/scope.ts";
import { HandshakeError } from "../../errors/handshake-error.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { VersionError } from "../../errors/version-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Carrier } from "../../session/carrier.ts";
import { ClientSession } from "../../session/client-session.ts";
import { discoveryChannel } from "../../telemetry/channels.ts";
import type { ConnectingMessage } from "../../telemetry/discovery-message.ts";
import { OperationMessages } from "../../telemetry/operation-messages.ts";
import type { GoAway, Hello } from "../../wire/frames.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

/** Functions and limits for connecting. */
export interface ConnectOptions {
  readonly connect: (worker: WorkerMetadata) => Promise<Carrier>;
  readonly hello: () => Hello;
  readonly connectTimeoutMs: number;
  /** Whether the pool has started the worker. Default false. */
  readonly own?: boolean;
}

/** Events of a connection, for its member. */
export interface MemberConnectionEvents {
  /** The worker has greeted, and is the one that was expected. */
  greeted(session: ClientSession, hello: Hello): void;
  /** The worker takes no new root calls: as it was told to, or since its process ends by itself. */
  draining(asked: boolean): void;
  /** A batch of responses has been delivered, or the connection can be written to again. Called without a `this`. */
  readonly progress: () => void;
  /** The last event: no connection could be made. */
  unreachable(error: Error): void;
  /** The last event: the connection has ended. */
  closed(reason: Error): void;
}

/** Tells, the first time, how an attempt has ended: with an error, or with a greeting. */
type Attempt = (error: Error | undefined) => void;

/** A connection to one worker. The constructor starts connecting. */
export class MemberConnection {
  readonly #worker: WorkerMetadata;
  readonly #options: ConnectOptions;
  readonly #events: MemberConnectionEvents;
  readonly #timeout: DeadlineEntry;
  /** What is told of the attempt; absent unless somebody subscribes. */
  readonly #attempt: Attempt | undefined;
  #session: ClientSession | undefined;
  #greeted = false;
  #over = false;
  /** The reason that the peer gave for closing. */
  #farewell: Error | undefined;
  readonly #pings = new Map<number, () => void>();
  #nextPing = 1;

  constructor(worker: WorkerMetadata, options: ConnectOptions, events: MemberConnectionEvents) {
    this.#worker = worker;
    this.#options = options;
    this.#events = events;
    this.#timeout = deadlines.after(options.connectTimeoutMs, () => this.#late());
    // A connection serves many tasks: it must not belong to the one that happened to need it first.
    this.#attempt = runOutsideScope(() => {
      const connect = (): void => this.#connect();
      if (discoveryChannel.hasSubscribers)
        return tellOfAttempt({ worker, own: options.own === true }, connect);
      connect();
      return undefined;
    });
  }

  #connect(): void {
    this.#options.connect(this.#worker).then(
      (carrier) => this.#connected(carrier),
      (error: unknown) => this.#fail(error instanceof Error ? error : new HandshakeError(errorText(error))),
    );
  }

  /**
   * Asks the worker's main thread for a sign of life.
   *
   * @param onPong Called when the answer comes, if it does.
   * @returns A function that ends the wait.
   */
  ping(onPong: () => void): () => void {
    if (this.#session === undefined || !this.#greeted || this.#over) return () => {};
    const token = this.#nextPing++;
    this.#pings.set(token, onPong);
    this.#session.ping(token);
    return () => this.#pings.delete(token);
  }

  /** Ends the connection. With an error: at once. Without one: when everything written has been sent. Idempotent. */
  end(error?: Error): void {
    if (this.#over) return;
    this.#finish(error ?? new HandshakeError("it is not needed any more"));
    if (error === undefined) this.#session?.connection.close();
    else this.#session?.connection.destroy(error);
  }

  #finish(reason: Error): void {
    this.#over = true;
    this.#attempt?.(reason);
    deadlines.cancel(this.#timeout);
    this.#pings.clear();
  }

  #late(): void {
    const { uid, address } = this.#worker;
    const error = new HandshakeError(
      `Cannot connect to worker '${uid}' at '${address}': no greeting within ${this.#options.connectTimeoutMs} ms`,
    );
    if (this.#session === undefined) this.#fail(error);
    else this.#session.connection.destroy(error);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#finish(error);
    this.#events.unreachable(error);
  }

  #connected(carrier: Carrier): void {
    if (this.#over) {
      carrier.destroy();
      return;
    }
    this.#session = new ClientSession(carrier, this.#options.hello(), {
      ready: (hello) => this.#ready(hello),
      goAway: (frame) => this.#goAway(frame),
      pong: (token) => {
        const onPong = this.#pings.get(token);
        this.#pings.delete(token);
        onPong?.();
      },
      progress: this.#events.progress,
      closed: (error) => this.#closed(error),
    });
  }

  #ready(hello: Hello): void {
    deadlines.cancel(this.#timeout);
    const session = this.#session;
    if (session === undefined || this.#over) return;
    const { uid, address } = this.#worker;
    if (hello.uid === uid) {
      this.#greeted = true;
      this.#attempt?.(undefined);
      this.#events.greeted(session, hello);
      return;
    }
    session.connection.destroy(
      new HandshakeError(
        `Expected worker '${uid}' at '${address}', found '${hello.uid}': the record is stale or forged`,
      ),
    );
  }

  #goAway(frame: GoAway): void {
    if (frame.code === NackCode.DRAINING) {
      if (!this.#over) this.#events.draining(frame.unasked !== true);
      return;
    }
    this.#farewell = this.#farewellOf(frame);
  }

  #farewellOf(frame: GoAway): Error {
    const { code } = frame;
    const detail = shownBriefly(frame.detail);
    const { uid, version } = this.#worker;
    if (code === NackCode.VERSION) {
      const { peer, hello } = this.#session?.connection ?? {};
      return new VersionError(hello?.version ?? "", peer?.version ?? version, {
        cause: new HandshakeError(detail),
      });
    }
    if (code === NackCode.CODEC) {
      return new ProtocolError(`Worker '${uid}' refused the payload codec: ${detail}`, { refusal: "CODEC" });
    }
    return new HandshakeError(`Worker '${uid}' ended the connection: ${detail}`);
  }

  #closed(error: Error | undefined): void {
    if (this.#over) return;
    const { uid, address } = this.#worker;
    const reason =
      this.#farewell ?? error ?? new HandshakeError(`Worker '${uid}' at '${address}' closed the connection`);
    this.#finish(reason);
    this.#events.closed(reason);
  }
}

/** Runs the beginning of an attempt to connect, and tells of it. */
function tellOfAttempt(
  { worker, own }: { readonly worker: WorkerMetadata; readonly own: boolean },
  connect: () => void,
): Attempt {
  const { uid, address } = worker;
  const message: ConnectingMessage & { error: unknown } = { uid, address, own, error: undefined };
  const messages = new OperationMessages(discoveryChannel, message);
  messages.begin(connect);
  return (error) => {
    if (messages.isOver) return;
    message.error = error;
    messages.over(error !== undefined);
  };
}
