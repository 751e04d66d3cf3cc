/**
 * The streams of running tasks that this worker keeps for whoever shows a token: each for one taker, which has to be
 * allowed what a caller of the stream's routine is.
 */
import type { References } from "../../codec/references.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import type { ServerSession } from "../../session/server-session.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { AccessRules } from "../access/access-rules.ts";
import type { RoutineResolver } from "../routine-resolver.ts";
import type { KeptStream } from "./kept-stream.ts";
import { TakenStream } from "./taken-stream.ts";

/** What they need of the worker. */
export interface KeptStreamsOptions {
  readonly references: References;
  /** Marks remote stacks. */
  readonly origin: string;
  readonly resolver: Pick<RoutineResolver, "lookup">;
  readonly access: Pick<AccessRules, "judge">;
}

/** Those of one worker, by their tokens. */
export class KeptStreams {
  readonly #options: KeptStreamsOptions;
  readonly #byToken = new Map<string, KeptStream>();

  constructor(options: KeptStreamsOptions) {
    this.#options = options;
  }

  /** How many there are that nobody has taken. */
  get size(): number {
    return this.#byToken.size;
  }

  /** @returns False if there is one under this token already. */
  keep(token: string, stream: KeptStream): boolean {
    if (this.#byToken.has(token)) return false;
    this.#byToken.set(token, stream);
    return true;
  }

  /** It is kept no longer. */
  drop(token: string): void {
    this.#byToken.delete(token);
  }

  /** Hands one over, or refuses to. @param stream Number of the stream of the task that asks for it. */
  take(session: ServerSession, stream: number, token: string): TakenStream | Nack {
    const kept = this.#byToken.get(token);
    const { connection } = session;
    if (kept === undefined || !connection.takesHandOver || !connection.takesFlows)
      return createNack(NackCode.BAD_PAYLOAD, "no stream is kept for whoever shows this token");
    const refused = this.#judge(session, kept.definition);
    if (refused !== undefined) return refused;
    this.#byToken.delete(token);
    kept.taken?.();
    const { references, origin: stackOrigin } = this.#options;
    return new TakenStream({ session, references, stackOrigin, stream, kept });
  }

  /** Whoever may not call the routine does not get its stream either. */
  #judge({ connection, peer }: ServerSession, definition: RoutineDefinition): Nack | undefined {
    if (connection.carrier.local) return undefined;
    const { resolver, access } = this.#options;
    const found = resolver.lookup({ id: definition.id, location: "", mayImport: false });
    if (found !== undefined && "code" in found) return found;
    if (found !== definition)
      return createNack(
        NackCode.NOT_EXPOSED,
        "the routine of that stream is not one that this worker serves",
      );
    return access.judge(definition, peer);
  }
}
