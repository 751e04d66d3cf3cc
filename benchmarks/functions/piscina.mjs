/** What moves memory in Piscina's form, which Tinypool has not. */
import { move } from "piscina";

export function echo(value) {
  return value;
}

export function moveBack(bytes) {
  return move(bytes);
}
