/** Values on their way to a routine of a pool without workers, and back. */
import { passesValues } from "./contract.ts";

passesValues("local");
