/**
 * Suggests routines that may have been meant by an unknown identity. Its work is bounded: the question may come
 * from the network.
 */
import { editDistance } from "./edit-distance.ts";
import { routineIdentities } from "./registry.ts";

const MAX_CANDIDATES = 2_000;
const MAX_DISTANCE = 12;

/**
 * Suggests routines that may have been meant by an unknown identity: the same name in another module first,
 * then names that are spelled much alike.
 *
 * @param limit How many to give at most.
 * @returns Identities, the nearest first.
 */
export function nearMisses(id: string, limit = 3): readonly string[] {
  const wanted = split(id);
  // A third of a name may be misspelled before it is another name.
  const allowed = Math.min(Math.max(1, Math.floor(wanted.name.length / 3)), MAX_DISTANCE);
  const ranked: { readonly id: string; readonly rank: number }[] = [];
  const moduleDistances = new Map<string, number>();
  const distanceOf = (module: string): number => {
    const distance = moduleDistances.get(module) ?? editDistance(module, wanted.module, MAX_DISTANCE);
    moduleDistances.set(module, distance);
    return distance;
  };
  let candidates = 0;
  for (const known of routineIdentities()) {
    if (known === id) continue;
    if (++candidates > MAX_CANDIDATES) break;
    const { module, name } = split(known);
    if (name === wanted.name) {
      ranked.push({ id: known, rank: Math.min(distanceOf(module), MAX_DISTANCE + 1) });
      continue;
    }
    const names = editDistance(name, wanted.name, allowed);
    if (names > allowed) continue;
    const distance = names + distanceOf(module);
    if (distance <= MAX_DISTANCE) ranked.push({ id: known, rank: 2 * MAX_DISTANCE + distance });
  }
  ranked.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
  return ranked.slice(0, limit).map((miss) => miss.id);
}

function split(id: string): { readonly module: string; readonly name: string } {
  const at = id.lastIndexOf("#");
  return { module: id.slice(0, Math.max(at, 0)), name: id.slice(at + 1) };
}
