/** What the workers on the network serve. */
import { hostname } from "node:os";
import { routine } from "merino";

/** A part of the plane, and how many characters it is drawn with. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Most iterations for a point. */
  readonly depth: number;
}

/** From outside to inside. */
const SHADES = " .:-=+*#%@";

/** Draws one row of the Mandelbrot set: independent of all the others, and work for a processor. */
export const drawRow = routine(function drawRow(picture: Picture, row: number) {
  const { width, height, left, right, top, bottom, depth } = picture;
  const imaginary = top + ((bottom - top) * row) / (height - 1);
  let text = "";
  for (let column = 0; column < width; column++) {
    const real = left + ((right - left) * column) / (width - 1);
    const share = Math.log(1 + iterate(real, imaginary, depth)) / Math.log(1 + depth);
    text += SHADES[Math.round(share * (SHADES.length - 1))];
  }
  return { text, worker: `${hostname()}, pid ${process.pid}` };
});

/** Counts steps until a point leaves the circle of radius 2, or `depth`. */
function iterate(real: number, imaginary: number, depth: number): number {
  let [x, y, steps] = [0, 0, 0];
  while (x * x + y * y <= 4 && steps < depth) {
    [x, y] = [x * x - y * y + real, 2 * x * y + imaginary];
    steps += 1;
  }
  return steps;
}
