/**
 * Who may call which routine. Two things have to permit a call: the rules of the worker, if it has any, of which one has
 * to name the routine; and the routine's own `allow`. They are asked for callers of the network only: whoever is behind
 * the worker's socket is its own user. They see the routine and the caller, and never the arguments. What they decide by
 * identities alone is decided once for each caller and routine; a function of the user is asked about every call.
 */
import {
  type Allowance,
  type AllowedPeers,
  resolveAllowedPeers,
} from "../../credentials/peers/allowed-peers.ts";
import type { Peer } from "../../credentials/peers/peer.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import { ForbiddenCalls } from "./forbidden-calls.ts";
import type { JudgementKeeper } from "./judgement.ts";
import { fitsRoutinePattern } from "./routine-pattern.ts";

/** One rule of a worker. */
export interface AccessRule {
  /**
   * Identity of the routine, as `"jobs/jobs.js#resize"`, or a pattern of identities in which each `*` stands for any
   * characters, as `"jobs/*#resize"` or `"*"`.
   */
  readonly routine: string;
  /** Who may call it. */
  readonly allow: AllowedPeers;
}

/** What was decided, and by what. */
export interface AccessVerdict {
  readonly permitted: boolean;
  /** For people. */
  readonly rule: string;
}

/** A verdict, and whether the same caller and definition would get it again, however often. */
interface LastingVerdict extends AccessVerdict {
  readonly lasting: boolean;
}

interface ResolvedRule {
  readonly routine: string;
  readonly allowance: Allowance;
}

const MAX_RULES = 10_000;
const MAX_PATTERN = 1_024;

/** The rules of one worker. */
export class AccessRules {
  /** Absent: the worker has none, and every routine is open as far as they are concerned. */
  readonly #rules: readonly ResolvedRule[] | undefined;
  /** The rules that name a routine, by its definition. */
  readonly #naming = new WeakMap<RoutineDefinition, readonly ResolvedRule[]>();
  readonly #forbidden = new ForbiddenCalls();

  /** @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `rules`) for a rule that is none. */
  constructor(rules: readonly AccessRule[] | undefined) {
    this.#rules = rules === undefined ? undefined : resolveRules(rules);
  }

  /**
   * Judges a call.
   *
   * @param keeper What the next calls of this caller to this routine will come with.
   * @returns The refusal, the same object for calls that are refused alike; `undefined` if the call is permitted.
   */
  judge(definition: RoutineDefinition, peer: Peer, keeper: JudgementKeeper = {}): Nack | undefined {
    let judgement = keeper.judgement;
    if (judgement === undefined || judgement.definition !== definition || judgement.peer !== peer) {
      const { permitted, rule, lasting } = this.#decide(definition, peer);
      judgement = { definition, peer, refusal: permitted ? undefined : createNack(NackCode.FORBIDDEN, rule) };
      keeper.judgement = lasting ? judgement : undefined;
    }
    const { refusal } = judgement;
    if (refusal !== undefined) this.#forbidden.report({ routine: definition.id, rule: refusal.reason, peer });
    return refusal;
  }

  /** As {@link judge}, with what decided. */
  explain(definition: RoutineDefinition, peer: Peer): AccessVerdict {
    const { permitted, rule } = this.#decide(definition, peer);
    return { permitted, rule };
  }

  #decide(definition: RoutineDefinition, peer: Peer): LastingVerdict {
    if (peer.local) return permit("callers of the worker's own user may call everything", true);
    const naming = this.#rulesFor(definition);
    let rule = "no rule speaks against it";
    let lasting = true;
    if (naming !== undefined) {
      if (naming.length === 0) return deny("the worker has rules, and none of them names the routine", true);
      const permitting = naming.find(({ allowance }) => {
        lasting &&= allowance.constant;
        return allowance.permits(peer);
      });
      const names = (permitting === undefined ? naming : [permitting]).map(({ routine }) => `'${routine}'`);
      rule = `the worker's rule for ${names.join(" and ")}`;
      if (permitting === undefined) return deny(`${rule} does not allow the caller`, lasting);
    }
    const own = definition.allow;
    if (own === undefined) return permit(rule, lasting);
    lasting &&= own.constant;
    return own.permits(peer)
      ? permit("the routine's own 'allow'", lasting)
      : deny("the routine's own 'allow' does not allow the caller", lasting);
  }

  #rulesFor(definition: RoutineDefinition): readonly ResolvedRule[] | undefined {
    if (this.#rules === undefined) return undefined;
    let naming = this.#naming.get(definition);
    if (naming === undefined) {
      naming = this.#rules.filter(({ routine }) => fitsRoutinePattern(definition.id, routine));
      this.#naming.set(definition, naming);
    }
    return naming;
  }
}

function permit(rule: string, lasting: boolean): LastingVerdict {
  return { permitted: true, rule, lasting };
}

function deny(rule: string, lasting: boolean): LastingVerdict {
  return { permitted: false, rule, lasting };
}

function resolveRules(rules: readonly AccessRule[]): readonly ResolvedRule[] {
  if (!Array.isArray(rules) || rules.length > MAX_RULES) {
    throw new InvalidOptionError("rules", {
      value: rules,
      expected: `an array of at most ${MAX_RULES} rules, as [{ routine: "jobs/*", allow: ["spiffe://farm/api"] }]`,
    });
  }
  return rules.map((rule: unknown, index) => {
    const { routine, allow, ...others } = (rule ?? {}) as Partial<AccessRule>;
    const known = Object.keys(others).length === 0;
    if (
      !known ||
      typeof routine !== "string" ||
      routine === "" ||
      routine.length > MAX_PATTERN ||
      allow === undefined
    ) {
      throw new InvalidOptionError(`rules[${index}]`, {
        value: rule,
        expected: `an object with 'routine', an identity or a pattern of at most ${MAX_PATTERN} characters, and 'allow', and nothing else`,
      });
    }
    return { routine, allowance: resolveAllowedPeers(`rules[${index}].allow`, allow) };
  });
}
