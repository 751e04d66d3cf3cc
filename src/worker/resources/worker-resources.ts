/**
 * Counts what a worker has of its resources: what bodies hold, and what reservations keep. It refuses what is not free, and
 * lets nothing wait, since another worker may have it at once. A body holds what its routine needs from when its task is
 * accepted until it has come to its end, whatever has become of its caller.
 */
import {
  type Amounts,
  addAmounts,
  covers,
  MAX_AMOUNT,
  PARTS,
  type Resources,
  resourcesOf,
  shownAmounts,
} from "../../internal/amounts.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { Reservation } from "./reservation.ts";

/** How long a refused caller is told to wait before it asks again, in milliseconds. */
const RETRY_AFTER_MS = 10;

const NOTHING: Amounts = new Map();
const NONE: readonly string[] = [];

/** What a body holds. */
export interface Holding {
  /** Of what the worker has. */
  readonly own: Amounts;
  /** Of what the reservation keeps within which it runs. */
  readonly reserved: Amounts;
  readonly reservation: Reservation | undefined;
}

/** An execution as far as it holds resources. */
export interface ResourceHolder {
  /** What it holds; written here only. */
  holding: Holding | undefined;
}

/** A task as far as its resources are judged. */
export interface NeedyTask {
  /** Names of the resources that those hold from whom it is called. */
  readonly held: readonly string[];
  /** Within which it runs. */
  readonly reservation: Reservation | undefined;
}

/** The resources of one worker. */
export class WorkerResources {
  readonly total: Amounts;
  readonly #used = new Map<string, number>();

  constructor(total: Amounts = NOTHING) {
    this.total = total;
  }

  /** What is held or reserved now, as people write it. */
  get used(): Resources {
    return resourcesOf(this.#used);
  }

  /**
   * Judges a task by what it needs.
   *
   * @param routine Its identity, for people.
   * @returns The refusal; `undefined` if everything is free.
   */
  judge(routine: string, needs: Amounts, { held, reservation }: NeedyTask): Nack | undefined {
    const { own, reserved } = split(needs, reservation);
    if (reservation !== undefined && !covers(reservation.amounts, reserved)) {
      const has = shownAmounts(reservation.amounts);
      return lacks(needs, `'${routine}' needs ${shownAmounts(needs)}, and the reservation has ${has}`);
    }
    if (reservation !== undefined && !covers(reservation.free, reserved)) {
      const reason = `'${routine}' needs ${shownAmounts(reserved)}, of which other calls hold too much of the reservation`;
      return full(needs, reservation.free, reason);
    }
    for (const name of own.keys()) if (held.includes(name)) return holds(routine, name);
    if (!covers(this.total, own)) {
      const has = this.total.size === 0 ? "no resources" : shownAmounts(this.total);
      return lacks(needs, `'${routine}' needs ${shownAmounts(own)}, and the worker has ${has}`);
    }
    const free = this.#freeOf(own);
    if (covers(free, own)) return undefined;
    return full(needs, free, `'${routine}' needs ${shownAmounts(own)}, of which less is free`);
  }

  /** It takes what it needs, unless it has. To be called only if {@link judge} has had nothing against it. */
  take(holder: ResourceHolder, needs: Amounts, reservation: Reservation | undefined): void {
    if (holder.holding !== undefined) return;
    const holding: Holding = { ...split(needs, reservation), reservation };
    holder.holding = holding;
    addAmounts(this.#used, holding.own, 1);
    reservation?.entered(holding.reserved);
  }

  /** It gives back what it holds. */
  release(holder: ResourceHolder): void {
    const { holding } = holder;
    if (holding === undefined) return;
    holder.holding = undefined;
    addAmounts(this.#used, holding.own, -1);
    holding.reservation?.left(holding.reserved);
  }

  /** Keeps amounts for a reservation, which gives them back with {@link giveBack}. To be called only if they are free. */
  keep(amounts: Amounts): void {
    addAmounts(this.#used, amounts, 1);
  }

  /** A reservation has ended, and nothing runs within it any more. */
  giveBack(amounts: Amounts): void {
    addAmounts(this.#used, amounts, -1);
  }

  #freeOf(needs: Amounts): Amounts {
    const free = new Map<string, number>();
    for (const name of needs.keys()) {
      const amount = (this.total.get(name) ?? 0) - (this.#used.get(name) ?? 0);
      if (amount > 0) free.set(name, Math.min(amount, MAX_AMOUNT * PARTS));
    }
    return free;
  }
}

/** Names of what those hold that a call of a task is made in: its body, what its reservation keeps included, and its callers. */
export function allHeld(
  holding: Holding | undefined,
  byCallers: readonly string[] = NONE,
): readonly string[] {
  if (holding === undefined) return byCallers;
  const { own, reservation } = holding;
  return [...new Set([...own.keys(), ...(reservation?.amounts.keys() ?? NONE), ...byCallers])];
}

/** What comes from the reservation, and what the worker has to give. */
function split(needs: Amounts, reservation: Reservation | undefined): Pick<Holding, "own" | "reserved"> {
  if (reservation === undefined) return { own: needs, reserved: NOTHING };
  const own = new Map<string, number>();
  const reserved = new Map<string, number>();
  for (const [name, amount] of needs) (reservation.amounts.has(name) ? reserved : own).set(name, amount);
  return { own, reserved };
}

function full(needs: Amounts, free: Amounts, reason: string): Nack {
  return { ...createNack(NackCode.FULL, reason, RETRY_AFTER_MS), needs, free };
}

function lacks(needs: Amounts, reason: string): Nack {
  return { ...createNack(NackCode.LACKS_RESOURCES, reason), needs };
}

function holds(routine: string, name: string): Nack {
  return createNack(
    NackCode.HELD,
    `'${routine}' needs '${name}', of which a task that it is called from holds some; it would wait for its own caller`,
  );
}
