/** Values on their way to a worker on the network and back. */
import { passesValues } from "./contract.ts";

passesValues("network");
