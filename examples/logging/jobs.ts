/** Jobs that log. */
import { routine } from "merino";
import { log } from "./log.ts";

export const resize = routine(async function resize(photo: string) {
  log.info({ photo }, "resized");
  return `${photo}.webp`;
});

export const album = routine(async function album(photos: readonly string[]) {
  log.info({ photos: photos.length }, "begun");
  return await Promise.all(photos.map((photo) => resize(photo)));
});
