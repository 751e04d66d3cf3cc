/** Classes for the table of awkward values; a worker that receives those values imports this module. */
import { decode, encode, portable } from "../../../src/codec/portable.ts";

/** Travels as its fields. */
export class Point {
  x: number;
  y: number;

  constructor(x: number, y: number) {
    this.x = x;
    this.y = y;
  }

  get length(): number {
    return Math.hypot(this.x, this.y);
  }
}
portable(Point);

/** Has a field with the name of an accessor of its prototype. */
export class Reading {
  raw = 7;
  get scaled(): number {
    return this.raw * 2;
  }
}
portable(Reading);

/** Has private state and says itself what travels. */
export class Money {
  readonly #cents: bigint;

  constructor(cents: bigint) {
    this.#cents = cents;
  }

  get cents(): bigint {
    return this.#cents;
  }

  static {
    Object.assign(Money, {
      [encode]: (money: Money) => money.#cents,
      [decode]: (cents: bigint) => new Money(cents),
    });
  }
}
portable(Money);

/** A collection with content that is not in fields. */
export class Bag extends Map<string, number> {
  static {
    Object.assign(Bag, {
      [encode]: (bag: Bag) => [...bag],
      [decode]: (entries: [string, number][]) => new Bag(entries),
    });
  }
}
portable(Bag);

/** An error that both sides know. */
export class PaymentError extends Error {
  static {
    Object.defineProperty(PaymentError.prototype, "name", { value: "PaymentError", configurable: true });
  }
  readonly attempts: number;

  constructor(message: string, attempts: number, options?: ErrorOptions) {
    super(message, options);
    this.attempts = attempts;
  }
}
portable(PaymentError);

/** An error with hooks. */
export class LimitError extends RangeError {
  readonly #limit: number;

  constructor(limit: number) {
    super(`more than ${limit}`);
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  static {
    Object.assign(LimitError, {
      [encode]: (error: LimitError) => error.#limit,
      [decode]: (limit: number) => new LimitError(limit),
    });
  }
}
portable(LimitError);

/** Registered by nobody. */
export class Stranger {
  a = 1;
}

/** An error registered by nobody. */
export class StrangeError extends TypeError {
  readonly detail: unknown = { a: [1] };
  override readonly cause = "why";
}
