/**
 * The arguments of a call as they travel, with the receiver of a method call in front of them. What cannot
 * travel is refused under the path by which the caller knows it.
 */
import { encodeValue } from "../../codec/encode/encoder.ts";
import type { EncodeOptions } from "../../codec/encode/encoding.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import type { Payload } from "../../wire/payload.ts";

/**
 * Encodes what a call hands to its routine.
 *
 * @param call The parameters, and the receiver of a method call.
 * @throws {@link NotSerializableError} naming `this` or the argument that cannot travel.
 */
export function encodeCall(
  call: { readonly receiver: unknown; readonly parameters: readonly unknown[] },
  options: EncodeOptions,
): Payload {
  const { receiver, parameters } = call;
  return receiver === undefined
    ? encodeValue(parameters, options)
    : encodeMethodCall(receiver, parameters, options);
}

/** Encodes a receiver before its arguments, and names both in refusals as the caller knows them. */
function encodeMethodCall(
  receiver: unknown,
  parameters: readonly unknown[],
  options: EncodeOptions,
): Payload {
  try {
    return encodeValue([receiver, ...parameters], options);
  } catch (error) {
    const [, index, rest] =
      (error instanceof NotSerializableError && /^args\[(\d+)\](.*)$/s.exec(error.path)) || [];
    if (index === undefined) throw error;
    const { path, message, cause, fault } = error as NotSerializableError;
    const known = `${index === "0" ? "this" : `args[${Number(index) - 1}]`}${rest}`;
    // biome-ignore lint/style/useErrorCause: it is the same error under the path its caller knows, with its own cause.
    throw new NotSerializableError(known, message.slice(message.indexOf(path) + path.length + 2), {
      cause,
      fault,
    });
  }
}
