/**
 * `grpc.health.v1.Health`: tells whoever asks, or watches, whether the worker takes calls. It never changes its mind: a
 * worker that leaves does not come back. It knows nothing of tasks; whether they are taken, it asks.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import {
  decodeHealthRequest,
  encodeHealthResponse,
  HealthStatus,
} from "../../wire/messages/health-messages.ts";
import { HEALTH_METHODS, WORKER_SERVICE } from "../grpc/service.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import { oneRequest, unary } from "./one-request.ts";
import type { CallStatus, ServerCall, ServerMethod } from "./server-call.ts";

/** The server as a whole, and what it is there for. */
const SERVICES: ReadonlySet<string> = new Set(["", WORKER_SERVICE]);

const NO_SUCH_SERVICE: CallStatus = {
  code: GrpcStatus.NOT_FOUND,
  details: `This worker tells of '${WORKER_SERVICE}', and of itself as '', and of no other service`,
};
const CLOSED: CallStatus = { code: GrpcStatus.UNAVAILABLE, details: "The worker has ended" };

/** Whoever wants to know when it changes. */
interface HealthWatch {
  readonly call: Pick<ServerCall, "send" | "end">;
  readonly service: string;
  said: HealthStatus | undefined;
}

/** The health of one worker, on all of its servers. */
export class Health {
  readonly #takesCalls: () => boolean;
  readonly #watches = new Set<HealthWatch>();
  #leaving = false;
  #closed = false;

  /** @param takesCalls Asked each time, until it has said no. */
  constructor(takesCalls: () => boolean) {
    this.#takesCalls = takesCalls;
  }

  /** Calls that watch. */
  get watches(): number {
    return this.#watches.size;
  }

  /** The worker takes no more calls: tells those who watch. Idempotent. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    for (const watch of this.#watches) this.#tell(watch);
  }

  /** Ends the calls that watch, which have been told by then. Idempotent. */
  close(): void {
    this.leave();
    this.#closed = true;
    for (const { call } of this.#watches) call.end(CLOSED);
  }

  /**
   * The methods of one server.
   *
   * @param maxWatches Calls that may watch there at a time.
   */
  methods({
    maxWatches,
  }: {
    readonly maxWatches: number;
  }): (readonly [path: string, method: ServerMethod])[] {
    let watches = 0;
    return [
      [HEALTH_METHODS.Check.path, unary((request) => this.#check(request))],
      [
        HEALTH_METHODS.Watch.path,
        oneRequest((request, call) => {
          const service = serviceIn(request);
          if (typeof service !== "string" || watches >= maxWatches) {
            call.end(typeof service === "string" ? tooMany(maxWatches) : service);
            return undefined;
          }
          watches += 1;
          const close = this.#watch(service, call);
          return () => {
            watches -= 1;
            close();
          };
        }),
      ],
    ];
  }

  #check(request: Uint8Array): Uint8Array | CallStatus {
    const service = serviceIn(request);
    if (typeof service !== "string") return service;
    const status = this.#statusOf(service);
    return status === HealthStatus.SERVICE_UNKNOWN ? NO_SUCH_SERVICE : encodeHealthResponse(status);
  }

  #watch(service: string, call: ServerCall): () => void {
    const watch: HealthWatch = { call, service, said: undefined };
    this.#watches.add(watch);
    this.#tell(watch);
    if (this.#closed) call.end(CLOSED);
    return () => this.#watches.delete(watch);
  }

  /** At most twice, so that nothing piles up for one who does not read. */
  #tell(watch: HealthWatch): void {
    const status = this.#statusOf(watch.service);
    if (status === watch.said) return;
    watch.said = status;
    watch.call.send(encodeHealthResponse(status));
  }

  #statusOf(service: string): HealthStatus {
    if (!SERVICES.has(service)) return HealthStatus.SERVICE_UNKNOWN;
    // Whoever asks may notice before the worker has said so.
    if (!this.#leaving && !this.#takesCalls()) this.leave();
    return this.#leaving ? HealthStatus.NOT_SERVING : HealthStatus.SERVING;
  }
}

function tooMany(maxWatches: number): CallStatus {
  const details = `This worker already has ${maxWatches} calls that watch its health; ask it with Check`;
  return { code: GrpcStatus.RESOURCE_EXHAUSTED, details };
}

/** The service that a request is about, or what is wrong with it. */
function serviceIn(request: Uint8Array): string | CallStatus {
  try {
    return decodeHealthRequest(request);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { code: GrpcStatus.INVALID_ARGUMENT, details: error.message };
  }
}
