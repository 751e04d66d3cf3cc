/** The program's logger: each line of a task has the task's id, and the ids of its trace and span. */
import { currentTask } from "merino";
import { pino } from "pino";

export const log = pino({
  base: { pid: process.pid },
  mixin() {
    const task = currentTask();
    return task === undefined ? {} : { task: task.id, ...task.trace };
  },
});
