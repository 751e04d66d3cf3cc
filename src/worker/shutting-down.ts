/** Why a task is refused while its worker ends, in the words that its caller reads. Data only. */
export const SHUTTING_DOWN = "the worker is shutting down";
