/** Values on their way to a process and back. */
import { passesValues } from "./contract.ts";

passesValues("process");
