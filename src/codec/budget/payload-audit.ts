/**
 * Adds up what the values of a payload cost to read, and says whether the payload is long enough for that. Both sides
 * ask the same question of the same bytes: the sender before it sends, so that its program learns the path, and
 * the receiver before it makes a single value. Makes no values, and does not judge the form: whatever is
 * malformed ends the audit, as it will end the decoding at the same place.
 */
import { roomFor } from "../decode/empty-object.ts";
import { ErrorOrigin, Extension, MAX_DEPTH } from "../format.ts";
import { AuditCursor } from "./audit-cursor.ts";
import { isDataView, isIntlOfDates, isRareError, mayBeDear } from "./dear-kinds.ts";
import { type DecodedSize, ElementBytes } from "./decoded-size.ts";
import { type AuditedBytes, type AuditStep, type Excess, memberStep, shownKey } from "./excess.ts";
import { excessSteps, FEW_KEYS } from "./key-chains.ts";
import { hashOfKey, IDENTITY_HASH, SECRET_HASH } from "./key-hash.ts";
import { isIndexKey, isPrototypeKey, newKeyPrice } from "./key-price.ts";
import { HASH_SEED, Novelty } from "./novelty.ts";
import {
  allowedCost,
  EXTENSION_PRICES,
  HOLDING_VALUES,
  KNOWN_KEYS,
  LENIENCY,
  MANY_FIELDS,
  MANY_KEYS,
  MANY_SHAPES,
  MAX_COST,
  PRICE_BYTES,
  Price,
  SHORTEST_AUDITED_BYTES,
} from "./prices.ts";

/** Steps through a chain of the hash table that cost as much as one byte may. */
const STEPS_PER_BYTE = 2;

/** What the receiver learns of a payload before it makes the values. */
export interface Weighed extends DecodedSize {
  /** What is too dear, or `undefined`. */
  readonly excess: Excess | undefined;
}

/**
 * Audits a payload.
 *
 * @param side The receiver is a little more lenient than the sender.
 * @returns What is too dear, or `undefined`.
 */
export function auditPayload(payload: AuditedBytes, side: "sender" | "receiver"): Excess | undefined {
  if (payload.end - payload.start < SHORTEST_AUDITED_BYTES && !mayBeDear(payload)) return undefined;
  return new PayloadAudit(payload, side === "receiver" ? LENIENCY : 1).run();
}

/** Audits a payload for the receiver, however short it is, and says what its values will take up; parts are not in that. */
export function weighPayload(payload: AuditedBytes): Weighed {
  const audit = new PayloadAudit(payload, LENIENCY);
  const excess = audit.run();
  return { excess, objectBytes: audit.objectBytes, binaryBytes: audit.binaryBytes };
}

class PayloadAudit extends AuditCursor {
  readonly #allowed: number;
  readonly #shapes: Novelty;
  readonly #keys: Novelty;
  readonly #steps: AuditStep[] = [];
  #left: number;
  #depth = 0;
  #colliding = false;
  /** What lies in memory of its own beside the heap. */
  binaryBytes = 0;
  /** The hash of the key read last. */
  #keyHash = 0;
  #keyBytes = 0;
  #keyIsDigits = false;

  constructor(payload: AuditedBytes, leniency: number) {
    super(payload);
    this.#allowed = Math.floor(allowedCost(payload.end - payload.start) * leniency);
    this.#left = this.#allowed;
    const most = 1 << (32 - Math.clz32(payload.end - payload.start)); // a short one has no more of anything
    this.#shapes = new Novelty(Math.min(most, MANY_SHAPES));
    this.#keys = new Novelty(Math.min(most, KNOWN_KEYS));
  }

  get objectBytes(): number {
    return this.heldBytes + (this.#allowed - this.#left) * PRICE_BYTES;
  }

  run(): Excess | undefined {
    this.#value();
    if (this.#left >= 0) return undefined;
    return {
      steps: this.#steps.reverse(),
      cost: this.#allowed - this.#left,
      allowed: this.#allowed,
      colliding: this.#colliding,
    };
  }

  /** Takes from what is left. @returns Whether the audit goes on. */
  #charge(price: number): boolean {
    this.#left -= price;
    return this.#left >= 0;
  }

  #binary(lengthBytes: number): boolean {
    this.binaryBytes += lengthBytes;
    return this.#charge(Price.BYTES) && this.skip(lengthBytes);
  }

  /** @returns Whether the audit goes on: false at the end of what is left, and of what can be read. */
  #value(): boolean {
    if (this.position >= this.end) return false;
    const token = this.bytes[this.position++] as number;
    this.heldBytes += ElementBytes.PLACE;
    if (token < 0x80 || token >= 0xe0) return true;
    if (token < 0x90) return this.#object(token & 0x0f);
    if (token < 0xa0) return this.#array(token & 0x0f);
    if (token < 0xc0) return this.longText(token & 0x1f);
    switch (token) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.uint(1));
      case 0xc5:
        return this.#binary(this.uint(2));
      case 0xc6:
        return this.#binary(this.uint(4));
      case 0xca:
      case 0xce:
      case 0xd2:
        return this.number(4);
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return this.number(8);
      case 0xcc:
      case 0xd0:
        return this.skip(1);
      case 0xcd:
      case 0xd1:
        return this.skip(2);
      case 0xd9:
        return this.longText(this.uint(1));
      case 0xda:
        return this.longText(this.uint(2));
      case 0xdb:
        return this.longText(this.uint(4));
      case 0xdc:
        return this.#array(this.uint(2));
      case 0xdd:
        return this.#array(this.uint(4));
      case 0xde:
        return this.#object(this.uint(2));
      case 0xdf:
        return this.#object(this.uint(4));
      default:
        return this.#extension(token);
    }
  }

  /** An object of so many fields: those of a small one make shapes, those of a large one are entries of a hash table. */
  #object(count: number): boolean {
    if (!this.#charge(Price.OBJECT)) return false;
    if (count <= 0) return count === 0;
    if (count * 2 > this.end - this.position || ++this.#depth > MAX_DEPTH) return false;
    const small = count < MANY_FIELDS;
    if (!small) this.heldBytes += count * ElementBytes.FIELD;
    let shape = HASH_SEED ^ roomFor(count);
    for (let rest = count; ; rest--) {
      const at = this.position;
      if (!this.#key()) return false;
      if (small && isIndexKey(this.#keyIsDigits, this.#keyBytes)) {
        if (!this.#charge(Price.INDEX_FIELD)) return this.#stopAt(this.#keyAt(at));
      } else if (small) {
        shape = Math.imul(shape ^ this.#keyHash, 0x85eb_ca6b);
        if (this.#shapes.isNew(shape) && !this.#charge(Price.NEW_SHAPE)) return this.#stopAt(this.#keyAt(at));
      } else {
        const isNew = count > MANY_KEYS || this.#keys.isNew(this.#keyHash);
        const price = isNew ? newKeyPrice(this.#keyIsDigits, this.#keyBytes) : Price.KNOWN_KEY;
        if (!this.#charge(price)) return this.#stopAt(this.#keyAt(at));
      }
      // Objects in objects, one call for each: two take twice as long where hundreds lie in one another.
      const token = this.bytes[this.position] as number;
      if (token >= 0x80 && token < 0x90 && this.position < this.end) {
        this.position++;
        this.heldBytes += ElementBytes.PLACE;
        if (!this.#object(token & 0x0f)) return this.#stopAt(this.#keyAt(at));
      } else if (!this.plain() && !this.#value()) return this.#stopAt(this.#keyAt(at));
      // Not by the condition of the loop: code that the engine has made for the loop alone is entered on its way back, for
      // one field too, which takes longer than all the rest of a small object.
      if (rest === 1) {
        this.#depth--;
        return true;
      }
    }
  }

  /** Reads the key of a field, and hashes it. */
  #key(): boolean {
    const bytes = this.bytes;
    const short = (bytes[this.position] as number) ^ 0xa0;
    let from = this.position + 1;
    let end = from + short;
    if (short < 32 && end <= this.end) {
      this.position = end;
    } else {
      from = this.text();
      if (from === -1) return false;
      end = this.position;
    }
    let hash = HASH_SEED ^ (end - from);
    let digits = end > from;
    for (let index = from; index < end; index++) {
      const byte = bytes[index] as number;
      hash = Math.imul(hash ^ byte, 0x0100_0193);
      if (byte < 0x30 || byte > 0x39) digits = false;
    }
    this.#keyBytes = end - from;
    this.#keyIsDigits = digits;
    this.#keyHash = hash ^ (hash >>> 16);
    if (end === from) return this.#charge(Price.EMPTY_KEY);
    return !isPrototypeKey(bytes, from, end) || this.#charge(Price.PROTOTYPE_KEY);
  }

  #array(length: number): boolean {
    if (!this.#charge(Price.ARRAY)) return false;
    if (length <= 0) return length === 0;
    if (++this.#depth > MAX_DEPTH) return false;
    let sparse = false;
    for (let index = 0; ; index++) {
      if (sparse || !this.plain()) {
        const holes = this.holes(index, length);
        if (holes < 0) return this.#stopAt(index);
        if (holes === 0) {
          if (sparse && !this.#charge(Price.SPARSE_ELEMENT)) return this.#stopAt(index);
          if (!this.#value()) return this.#stopAt(index);
        } else {
          const dear = holes > MANY_FIELDS;
          if (dear) sparse = true;
          if (!this.#charge(dear ? Price.SPARSE_ARRAY : Price.HOLES + holes)) return this.#stopAt(index);
          index += holes - 1;
        }
      }
      if (index === length - 1) {
        this.#depth--;
        return true;
      }
    }
  }

  #extension(token: number): boolean {
    const length = this.extensionLength(token);
    const type = this.uint(1);
    const end = this.position + length;
    if (length < 0 || end > this.end) return false;
    const price = EXTENSION_PRICES[type];
    if (price === undefined || !this.#charge(price)) return false;
    if (isDataView(type, this.bytes[this.position]) && !this.#charge(Price.DATA_VIEW)) return false;
    if (isIntlOfDates(type, this.bytes[this.position]) && !this.#charge(Price.INTL_DATES)) return false;
    if (!HOLDING_VALUES.has(type)) {
      this.heldBytes += length;
      if (type === Extension.UTF16 || type === Extension.LATIN1) this.heldBytes += ElementBytes.TEXT;
      this.position = end;
      return true;
    }
    if (++this.#depth > MAX_DEPTH || !this.#content(type, end) || this.position !== end) return false;
    this.#depth--;
    return true;
  }

  #content(type: number, end: number): boolean {
    switch (type) {
      case Extension.MAP:
      case Extension.SET:
        return this.#entries(type === Extension.MAP, end);
      case Extension.NULL_OBJECT:
        return this.#map();
      case Extension.ERROR:
        return this.#error();
      case Extension.ARRAY_WITH_FIELDS:
        return this.#value() && this.#arrayFields(end);
      case Extension.HEADERS:
        return this.#pairs(Price.HEADER, end);
      case Extension.FORM_DATA:
        return this.#pairs(Price.FORM_ENTRY, end);
      default:
        while (this.position < end) if (!this.#value()) return false;
        return true;
    }
  }

  /** Names and values in turn. */
  #pairs(price: number, end: number): boolean {
    while (this.position < end) if (!this.#charge(price) || !this.#value() || !this.#value()) return false;
    return true;
  }

  #arrayFields(end: number): boolean {
    while (this.position < end) {
      const at = this.position;
      if (this.text() === -1) return false;
      if (!this.#charge(Price.ARRAY_FIELD) || !this.#value()) return this.#stopAt(this.#keyAt(at));
    }
    return true;
  }

  /** Fields in a map token, each at the same price, or at that of a key of a hash table. */
  #map(price?: number): boolean {
    const token = this.uint(1);
    let count = -1;
    if (token >= 0x80 && token <= 0x8f) count = token & 0x0f;
    else if (token === 0xde) count = this.uint(2);
    else if (token === 0xdf) count = this.uint(4);
    if (count < 0 || count * 2 > this.end - this.position) return false;
    for (; count > 0; count--) {
      const at = this.position;
      if (!this.#key()) return false;
      if (!this.#charge(price ?? newKeyPrice(this.#keyIsDigits, this.#keyBytes)) || !this.#value())
        return this.#stopAt(this.#keyAt(at));
    }
    return true;
  }

  #error(): boolean {
    const origin = this.bytes[this.position];
    if (isRareError(this.bytes, this.position) && !this.#charge(Price.RARE_ERROR)) return false;
    // Origin, class, name, message, stack.
    for (let part = 0; part < 5; part++) if (!this.#value()) return false;
    if (origin === ErrorOrigin.HOOKED) return this.#value();
    return this.#map(Price.HIDDEN_FIELD) && this.#map(Price.NEW_SHAPE);
  }

  #entries(isMap: boolean, end: number): boolean {
    this.heldBytes += ElementBytes.COLLECTION;
    const hashes: number[] = [];
    const whole = this.#eachEntry(isMap, { end, hashes });
    // Also of a Map whose end cannot be read: its keys up to there are inserted before the reader finds that out.
    if (this.#left < 0 || hashes.length < FEW_KEYS) return whole;
    if (this.#charge(Math.min(MAX_COST * 2, Math.ceil(excessSteps(hashes) / STEPS_PER_BYTE)))) return whole;
    this.#colliding = true;
    return false;
  }

  /** Goes over entries, and collects the hashes of their keys that a peer can know. */
  #eachEntry(isMap: boolean, { end, hashes }: { readonly end: number; readonly hashes: number[] }): boolean {
    for (let index = 0; this.position < end; index++) {
      const at = this.position;
      const isText = ((this.bytes[at] as number) & 0xe0) === 0xa0;
      if (!this.#charge(isText ? Price.TEXT_ENTRY : Price.ENTRY))
        return this.#stopAt(memberStep(isMap, index));
      const hash = hashOfKey(this.view, at, this.end);
      if (hash === IDENTITY_HASH) {
        if (!this.#charge(Price.IDENTITY)) return this.#stopAt(memberStep(isMap, index));
      } else if (hash !== SECRET_HASH) {
        hashes.push(hash);
      }
      if (!this.#value()) return this.#stopAt(memberStep(isMap, index));
      if (isMap && !this.#value()) return this.#stopAt(`.get(${this.#keyText(at)})`);
    }
    return true;
  }

  /** Adds the step under which the audit has ended to the path, which is written from its end. */
  #stopAt(step: AuditStep): false {
    if (this.#left < 0) this.#steps.push(step);
    return false;
  }

  #keyAt(at: number): string {
    const text = this.#keyText(at);
    return /^"[A-Za-z_$][\w$]*"$/.test(text) ? `.${text.slice(1, -1)}` : `[${text}]`;
  }

  #keyText(at: number): string {
    return this.#left >= 0 ? "" : shownKey(this.bytes, at);
  }
}
