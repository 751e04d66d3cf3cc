/** Changes bytes a little, so that they still nearly make sense. */
import type { Random } from "./random.ts";

const INTERESTING = [
  0x00, 0x01, 0x07, 0x08, 0x0a, 0x0b, 0x12, 0x1a, 0x3a, 0x7f, 0x80, 0x8f, 0x9f, 0xbf, 0xc0, 0xc1, 0xc7, 0xc9,
  0xd4, 0xdd, 0xdf, 0xff,
];

/** Changes some bytes, or exchanges, repeats, inserts or removes pieces. */
export function mutate(bytes: Uint8Array, random: Random, other: Uint8Array = bytes): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + random.small(4); changes > 0; changes--) {
    const at = random.below(result.length + 1);
    const end = at + random.small(8);
    switch (random.below(7)) {
      case 0:
        if (at < result.length) result[at] = random.below(256);
        break;
      case 1:
        if (at < result.length) result[at] = random.pick(INTERESTING);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
        break;
      case 3:
        result = Buffer.concat([
          result.subarray(0, at),
          random.bytes(1 + random.small(10)),
          result.subarray(at),
        ]);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), other.subarray(random.below(other.length + 1))]);
        break;
      case 5:
        result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
        break;
      default:
        result = result.subarray(0, at);
    }
  }
  return result;
}
