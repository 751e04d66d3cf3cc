/**
 * Makes plain objects that have room for so many fields, and not for many more. `{}` has room for four: an object of one
 * field would be nearly twice as long as it need be, and one of more gets a second piece of memory, which grows as its
 * fields come; above sixteen fields the engine makes it a hash table, of five times the size. Most of what small objects
 * cost is the time in which the collector of garbage moves them.
 *
 * The engine gives the objects of a constructor the room that the first of them have used. Nobody can tell from what is made
 * here that there was a constructor: the prototype is `Object.prototype`, and fields are all that the object has.
 *
 * @see Slack tracking: https://v8.dev/blog/slack-tracking
 */

/** Takes whether the object is one of the first, which use all the room there is to be. */
type Constructor = new (isFirst: boolean) => Record<string, unknown>;
type Fields = Record<string, number>;

/** The engine looks at seven. */
const FIRST_OBJECTS = 8;

// Each assignment is written out, because the engine counts them to know how much room to begin with.

function Room1(this: Fields, isFirst: boolean): void {
  if (isFirst) this.a = 0;
}

function Room2(this: Fields, isFirst: boolean): void {
  if (isFirst) this.a = this.b = 0;
}

function Room6(this: Fields, isFirst: boolean): void {
  if (isFirst) this.a = this.b = this.c = this.d = this.e = this.f = 0;
}

function Room8(this: Fields, isFirst: boolean): void {
  if (isFirst) this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = 0;
}

function Room12(this: Fields, isFirst: boolean): void {
  if (!isFirst) return;
  this.a = this.b = this.c = this.d = this.e = this.f = 0;
  this.g = this.h = this.i = this.j = this.k = this.l = 0;
}

function Room20(this: Fields, isFirst: boolean): void {
  if (!isFirst) return;
  this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = this.i = this.j = 0;
  this.k = this.l = this.m = this.n = this.o = this.p = this.q = this.r = this.s = this.t = 0;
}

function Room31(this: Fields, isFirst: boolean): void {
  if (!isFirst) return;
  this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = this.i = this.j = 0;
  this.k = this.l = this.m = this.n = this.o = this.p = this.q = this.r = this.s = this.t = 0;
  this.u = this.v = this.w = this.x = this.y = this.z = 0;
  this.A = this.B = this.C = this.D = this.E = 0;
}

function prepare(room: (this: Fields, isFirst: boolean) => void): Constructor {
  room.prototype = Object.prototype;
  const constructor = room as unknown as Constructor; // a function that is called with `new` alone
  for (let count = 0; count < FIRST_OBJECTS; count++) new constructor(true);
  return constructor;
}

const room1 = prepare(Room1);
const room2 = prepare(Room2);
const room6 = prepare(Room6);
const room8 = prepare(Room8);
const room12 = prepare(Room12);
const room20 = prepare(Room20);
const room31 = prepare(Room31);

/**
 * For how many fields there is room in an object that is going to have so many. Objects with different room have no hidden
 * class in common.
 */
export function roomFor(count: number): number {
  if (count <= 4) return count === 1 || count === 2 ? count : 4;
  if (count <= 8) return count <= 6 ? 6 : 8;
  if (count <= 12) return 12;
  return count <= 20 ? 20 : 31;
}

/**
 * Makes a plain object without fields.
 *
 * @param count How many fields it is going to have. It may get more, or fewer.
 */
export function emptyObject(count: number): Record<string, unknown> {
  if (count === 1) return new room1(false);
  if (count === 2) return new room2(false);
  if (count <= 4) return {};
  if (count <= 6) return new room6(false);
  if (count <= 8) return new room8(false);
  if (count <= 12) return new room12(false);
  return count <= 20 ? new room20(false) : new room31(false);
}
