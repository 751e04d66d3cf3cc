/** Values on their way to a thread and back. */
import { passesValues } from "./contract.ts";

passesValues("thread");
