/**
 * Decides by brand what a value is and has one of the other `…-writer.ts` files write it, or refuses, with the path,
 * what would not arrive as itself. Signals, and references to routines and classes, are written here.
 */
import { types } from "node:util";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import { TAINT_NOT_KNOWN } from "../../identity/taint.ts";
import { isAbortSignal } from "../../internal/is-abort-signal.ts";
import { MARK } from "../beside/move.ts";
import { brandOf, inheritsFromError, viewName } from "../brands.ts";
import { Extension, HEADER_PLAIN, HEADER_REFERENCES, MAX_DEPTH, UNIT_TEXT_LENGTH } from "../format.ts";
import type { PortableClass } from "../references.ts";
import { attached, writeMarked } from "./attachment-writer.ts";
import { writeBuffer, writeView } from "./binary-writer.ts";
import { writeArray, writeMap, writeSet } from "./collection-writer.ts";
import { Encoding } from "./encoding.ts";
import { writeError } from "./error-writer.ts";
import { explainObject, explainPrimitive } from "./explain-unsendable.ts";
import { briefly, hasSymbolFields, refuseSymbolField, standIn, writeFields } from "./field-writer.ts";
import { wroteFlow } from "./flow-writer.ts";
import { explainHollow, explainLookAlike, looksPlain } from "./look-alikes.ts";
import { refuseNamedField } from "./own-fields.ts";
import { wrotePlatform } from "./platform/platform-writer.ts";
import { writeScalarObject } from "./scalar-writer.ts";
import { isErrorValue, prototypeOf, writeSubstitute } from "./substitute-writer.ts";
import { Step } from "./trail.ts";

/** A second pass is made when views turn out to share memory; getters that give new views each time get no third. */
const MAX_PASSES = 2;

const UNSENT_VALUE = "The routine threw a value that cannot be sent.";

const OBJECT_PROTOTYPE = Object.prototype;
const ARRAY_PROTOTYPE = Array.prototype;

/** Writes values of every kind. One is used for one value at a time. */
export class ValueWriter extends Encoding {
  /** Writes a whole payload. */
  encode(value: unknown): void {
    for (let pass = 1; ; pass++) {
      this.begin();
      this.writeByte(HEADER_PLAIN);
      this.writeValue(value);
      if (this.sharing?.conflict !== true || pass === MAX_PASSES) break;
      this.sharing.settle();
      this.resetPass();
    }
    if (this.referenced) this.bytes[this.start] = HEADER_REFERENCES;
  }

  writeValue(value: unknown): void {
    switch (typeof value) {
      case "string":
        if (value.length < UNIT_TEXT_LENGTH || this.options.textUnits !== true) this.writeString(value);
        else this.#writeUnits(value);
        return;
      case "number":
        this.writeNumber(value);
        return;
      case "boolean":
        this.writeByte(value ? 0xc3 : 0xc2);
        return;
      case "object":
        if (value === null) this.writeByte(0xc0);
        else if (this.lenient) this.#writeLeniently(value);
        else this.#writeObject(value);
        return;
      case "undefined":
        this.writeNumberExtension(Extension.UNDEFINED, 0);
        return;
      case "bigint":
        this.writeBigInt(value);
        return;
      default:
        if (this.lenient) this.#writeLeniently(value);
        else this.#writeCallable(value);
    }
  }

  #writeUnits(value: string): void {
    this.wroteUnits = true;
    this.writeTextUnits(value);
  }

  #writeObject(value: object): void {
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === OBJECT_PROTOTYPE) this.#writePlain(value);
    else if (prototype === ARRAY_PROTOTYPE && Array.isArray(value)) writeArray(this, value);
    else if (prototype === null) this.#writeNullObject(value);
    else this.#writeBranded(value, prototype);
  }

  #writePlain(value: object): void {
    if (!looksPlain(value) && this.#wroteLookAlike(value)) return;
    const hasSymbols = hasSymbolFields(value);
    if (hasSymbols && wroteFlow(this, value)) return;
    if (this.wroteReference(value)) return;
    this.enter(Step.PROPERTY);
    if (hasSymbols) refuseSymbolField(this, value);
    const fields = writeFields(this, value);
    this.leave();
    if (fields === 0) this.#refuseHollow(value);
  }

  #writeNullObject(value: object): void {
    if (!looksPlain(value) && this.#wroteLookAlike(value)) return;
    if (this.wroteReference(value)) return;
    const extension = this.openExtension(Extension.NULL_OBJECT);
    this.enter(Step.PROPERTY);
    if (hasSymbolFields(value)) refuseSymbolField(this, value);
    const fields = writeFields(this, value);
    this.leave();
    this.closeExtension(extension);
    if (fields === 0) this.#refuseLookAlike(value);
  }

  /**
   * For an object with the prototype of a plain object, or none: writes it if it is an error, and refuses anything
   * else that is not plain.
   */
  #wroteLookAlike(value: object): boolean {
    if (types.isNativeError(value)) {
      this.#writeOddError(value);
      return true;
    }
    this.#refuseLookAlike(value);
    return false;
  }

  /** Writes an object that was made as an error, or inherits from one, although its prototype does not show it. */
  #writeOddError(error: object): void {
    if (!this.lenient) return this.#writeErrorLeniently(error);
    writeError(this, error, {
      prototype: Object.getPrototypeOf(error) as object | null,
      portable: undefined,
    });
  }

  #refuseHollow(value: object): void {
    const why = explainHollow(value);
    if (why !== undefined) this.refuse(why);
  }

  #refuseLookAlike(value: object): void {
    const why = explainLookAlike(value);
    if (why !== undefined) this.refuse(why);
  }

  #writeBranded(value: object, prototype: object): void {
    if (prototype === MARK && writeMarked(this, value)) return;
    const portable = this.options.references.portableByPrototype(prototype);
    const brand = brandOf(value, prototype);
    if (brand === "error") {
      // One frame less for each error of a chain: a thousand must fit on the stack.
      if (this.lenient) return writeError(this, value, { prototype, portable });
      return this.#writeErrorLeniently(value);
    }
    if (portable !== undefined) return this.#writeInstance(value, portable);
    switch (brand) {
      case "object":
        return this.#writePlain(value);
      case "array":
        return writeArray(this, value as unknown[]);
      case "map":
        return writeMap(this, value as Map<unknown, unknown>);
      case "set":
        return writeSet(this, value as Set<unknown>);
      case "buffer":
        return writeBuffer(this, value as ArrayBuffer);
      case "view":
        return writeView(this, value as ArrayBufferView, viewName(value as ArrayBufferView, prototype) ?? "");
      case "signal":
        refuseNamedField(this, value); // fields under symbols belong to the platform
        return this.#writeSignal(value as AbortSignal);
      case "class-instance":
        return this.#writeReferredObject(value, prototype);
      default:
        return writeScalarObject(this, value, brand);
    }
  }

  /** Writes an error that stands among values which are exact or refused. Parts of the error may be replaced. */
  #writeErrorLeniently(error: object): void {
    if (this.depth >= MAX_DEPTH) this.refuseDepth();
    this.lenient = true;
    try {
      this.#writeLeniently(error);
    } finally {
      this.lenient = false;
    }
  }

  #writeInstance(value: object, portable: PortableClass): void {
    this.refuseConflict(portable);
    if (this.wroteReference(value)) return;
    const extension = this.openExtension(Extension.INSTANCE);
    this.enter(Step.PROPERTY);
    this.writeClass(portable);
    const hook = portable.encode;
    if (hook === undefined) {
      if (hasSymbolFields(value)) refuseSymbolField(this, value);
      writeFields(this, value);
    } else {
      this.writeHooked(hook, value);
    }
    this.leave();
    this.closeExtension(extension);
  }

  #writeSignal(signal: AbortSignal): void {
    const { signals } = this.options;
    if (signals === undefined) this.refuse("an AbortSignal travels only among the arguments of a call");
    if (this.wroteReference(signal)) return;
    this.writeNumberExtension(Extension.SIGNAL, this.signalIndex(signal, signals));
  }

  #writeCallable(value: unknown): void {
    if (typeof value !== "function") this.refuse(explainPrimitive(value));
    const { references } = this.options;
    if (references.describeRoutine(value) !== undefined) return this.#writeRoutine(value);
    const portable = references.portableByConstructor(value);
    if (portable === undefined) {
      if (wroteFlow(this, value)) return;
      this.refuse(references.explainFunction?.(value) ?? explainPrimitive(value));
    }
    this.refuseConflict(portable);
    if (this.wroteReference(value)) return;
    const extension = this.openExtension(Extension.CLASS);
    this.writeClass(portable);
    this.closeExtension(extension);
  }

  /** Instances of classes nobody registered: a routine that is an object, another realm's signal, or refused. */
  #writeReferredObject(value: object, prototype: object): void {
    if (this.options.references.describeRoutine(value) !== undefined) return this.#writeRoutine(value);
    if (isAbortSignal(value)) return this.#writeSignal(value);
    if (inheritsFromError(prototype)) return this.#writeOddError(value);
    if (writeMarked(this, value) || wroteFlow(this, value) || attached(this, value, prototype)) return;
    if (wrotePlatform(this, value, prototype)) return;
    this.refuse(explainObject(value, prototype));
  }

  #writeRoutine(value: object): void {
    if (this.wroteReference(value)) return;
    const reference = this.options.references.describeRoutine(value);
    if (reference !== undefined) this.refuseConflict(reference);
    const tainted = reference?.tainted === true;
    if (tainted) this.#noteTainted();
    const extension = this.openExtension(tainted ? Extension.TAINTED_ROUTINE : Extension.ROUTINE);
    this.writeString(reference?.id ?? "");
    if (!tainted) this.writeOptionalString(reference?.module);
    this.writeByte(reference?.generator === true ? 0xc3 : 0xc2);
    this.closeExtension(extension);
  }

  #noteTainted(): void {
    if (this.options.refuseTainted === true) this.refuse(TAINT_NOT_KNOWN);
    this.tainted ??= this.path();
  }

  /** Writes a value, or in its place an error or text that says why it cannot be sent. */
  #writeLeniently(value: unknown): void {
    const checkpoint = this.checkpoint();
    try {
      if (typeof value !== "object") this.#writeCallable(value);
      else this.#writeObject(value as object);
    } catch (problem) {
      this.lenient = true; // the failure may be in the value that an `[encode]` returned
      this.restore(checkpoint);
      const why = this.#explain(problem);
      if (this.depth < MAX_DEPTH && isErrorValue(value)) this.#writeFailedError(value, why);
      else if (checkpoint.depth > 0) this.writeString(standIn(why));
      else writeSubstitute(this, value, `${UNSENT_VALUE} ${why}`);
    }
  }

  /** An error stays an error: if its class is to blame, it arrives with everything but that. */
  #writeFailedError(error: object, why: string): void {
    const prototype = prototypeOf(error);
    const { references } = this.options;
    if (prototype !== undefined && references.portableByPrototype(prototype) !== undefined) {
      const checkpoint = this.checkpoint();
      try {
        writeError(this, error, { prototype, portable: undefined, note: ["value", standIn(why)] });
        return;
      } catch {
        this.restore(checkpoint);
      }
    }
    writeSubstitute(this, error, `This error could not be sent. ${why}`);
  }

  #explain(problem: unknown): string {
    return problem instanceof NotSerializableError ? problem.message : `${this.path()}: ${briefly(problem)}`;
  }

  /** Writes, as the whole payload, an error that says that the value cannot be sent. */
  substitute(value: unknown, why: string): void {
    this.begin();
    this.writeByte(HEADER_PLAIN);
    writeSubstitute(this, value, `${UNSENT_VALUE} ${why}`);
  }
}
