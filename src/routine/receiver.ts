/**
 * Which `this` a routine takes. A method takes instances of its class, and of classes below it; a static one
 * takes its class. Any other routine takes what a program may have hung it on. Asked by the caller before
 * anything is sent, and by the worker on arrival.
 */
import { portableByConstructor, portableByPrototype } from "../codec/portable-registry.ts";
import { NotSerializableError } from "../errors/not-serializable-error.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";

/**
 * Decides whether `this` travels: an instance of a portable class or such a class does; a plain object,
 * a module namespace or a function that merely holds the routine does not, nor need the class of a static method;
 * an instance of another class cannot, nor a class below that of a static method.
 *
 * @returns What to send, or `undefined` for nothing.
 * @throws {@link RoutineDeclarationError} if the routine is a method and `this` is not of its class.
 * @throws {@link NotSerializableError} if `this` is of a class that does not travel.
 */
export function receiverToSend(definition: RoutineDefinition, receiver: unknown): unknown {
  const sent = receiver === undefined ? undefined : travelling(definition, receiver);
  const fault = receiverFault(definition, sent);
  if (fault === undefined) return sent;
  throw new RoutineDeclarationError(`Cannot call '${definition.id}': ${fault}`);
}

/**
 * Checks what has arrived as the `this` of a routine.
 *
 * @param receiver `undefined` for none.
 * @returns What the body runs with: for a static method that has come without one, the class that it is of.
 * @throws {@link PayloadError} if the routine cannot run with it.
 */
export function receiverToRun(definition: RoutineDefinition, receiver: unknown): unknown {
  const fault = receiverFault(definition, receiver);
  if (fault !== undefined) throw new PayloadError(`Cannot call '${definition.id}': ${fault}`);
  return receiver === undefined && typeof definition.owner === "function" ? definition.owner : receiver;
}

/** Why a routine cannot run with this receiver, as a clause. */
function receiverFault(definition: RoutineDefinition, receiver: unknown): string | undefined {
  const { owner, name } = definition;
  if (owner === undefined) {
    return receiver === undefined || isPortable(receiver)
      ? undefined
      : `its 'this' is ${kindOf(receiver)}, and only an instance of a portable class, or such a class, can be one`;
  }
  if (typeof owner === "function") {
    if (receiver === undefined || isBelow(receiver, owner)) return undefined;
    return `it is a static method of '${owner.name}', and its 'this' is ${kindOf(receiver)}; call it as ${name}(…)`;
  }
  const prototype: unknown =
    typeof receiver === "object" && receiver !== null ? Object.getPrototypeOf(receiver) : undefined;
  if (isBelow(prototype, owner)) return undefined;
  const className = (owner.constructor as { readonly name: string }).name;
  const method = name.slice(name.lastIndexOf(".") + 1);
  return `it is a method of '${className}', and its 'this' is ${kindOf(receiver)}; call it on an instance of '${className}', as object.${method}(…) or object.${method}.with(options).call(object, …)`;
}

function travelling(definition: RoutineDefinition, receiver: unknown): unknown {
  if (typeof receiver === "function") {
    if (portableByConstructor(receiver) !== undefined) return receiver;
    const { owner, name } = definition;
    if (typeof owner !== "function" || receiver === owner || !isBelow(receiver, owner)) return undefined;
    throw new NotSerializableError(
      "this",
      `'${name}' was called on the class '${receiver.name}', which does not travel; mark it with portable(${receiver.name})`,
    );
  }
  if (typeof receiver !== "object" || receiver === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(receiver);
  if (prototype === null || prototype === Object.prototype || Array.isArray(receiver)) return undefined;
  if (receiver === globalThis || Object.prototype.toString.call(receiver) === "[object Module]")
    return undefined;
  if (portableByPrototype(prototype as object) !== undefined) return receiver;
  const className =
    (prototype as { constructor?: { name?: string } }).constructor?.name ?? "an unknown class";
  if (className === "Object") return undefined; // a plain object of another realm
  throw new NotSerializableError(
    "this",
    `'${definition.name}' was called on an instance of '${className}', which does not travel; mark the class with portable(${className})`,
  );
}

function isPortable(receiver: unknown): boolean {
  if (typeof receiver === "function") return portableByConstructor(receiver) !== undefined;
  if (typeof receiver !== "object" || receiver === null) return false;
  const prototype = Object.getPrototypeOf(receiver) as object | null;
  return prototype !== null && portableByPrototype(prototype) !== undefined;
}

/** By identity as well: the class may have been declared again, or by another copy of its module. */
function isBelow(candidate: unknown, owner: object): boolean {
  const id = registrationOf(owner)?.id;
  // Classes are compared with classes only, and prototypes with prototypes.
  for (let level = candidate; level !== null && typeof level === typeof owner; ) {
    if (level === owner || (id !== undefined && registrationOf(level as object)?.id === id)) return true;
    level = Object.getPrototypeOf(level);
  }
  return false;
}

/** Of a class or of its prototype. */
function registrationOf(object: object): { readonly id: string } | undefined {
  return typeof object === "function" ? portableByConstructor(object) : portableByPrototype(object);
}

function kindOf(receiver: unknown): string {
  if (receiver === undefined) return "missing";
  if (receiver === null) return "null";
  if (typeof receiver === "function") return `the function '${receiver.name}'`;
  if (typeof receiver !== "object") return `a ${typeof receiver}`;
  const name = (receiver as { constructor?: { readonly name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object"
    ? `an instance of '${name}'`
    : "a plain object";
}
