/** What attacks did to a process before there was anything against them, as far as somebody has measured it. */

/** By the names of the attacks. */
export const BEFORE: Readonly<Record<string, string>> = {
  "definitions of names": "22 MB ended a process with a heap of 512 MiB",
  "definitions of unknown kinds": "22 MB ended a process with a heap of 512 MiB",
  "names of routines among arguments": "2.1 GB",
  "tasks with 256 callers each": "3.2 GB",
  "answers of dispatch that nobody reads": "3.07 GB",
  "messages that inflate": "29 KB ended the process",
  "streams without a message": "20 000 took 615 MB, and 5 s in which nobody was answered",
  "tasks and resets in turn, of bodies that go on": "42 700 bodies where 20 may run",
  "a Set of bigints that collide": "25 s and more in which nobody was answered",
  "objects of 400 000 short keys": "13 s of 1 200 000 keys",
  "arrays of empty Maps": "5.9 s for 15 MB",
  "at a caller: definitions": "850 MB",
  "at a caller: values that a generator has not been asked for": "1.04 GB",
};
