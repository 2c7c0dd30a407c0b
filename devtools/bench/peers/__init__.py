"""One module per task system; each runs in an environment of its own that has that system's packages.

A module defines:

* `prepare()`: create tables and files, once for each measurement;
* `enqueue(requests)`: enqueue `(job, *arguments)` one after the other;
* `enqueue_many(count)`: enqueue no-op jobs in the system's own way for many;
* `commands(processes)`: return the command lines that start a worker of so many processes.

Its jobs are those of `devtools.bench.jobs`: noop, mark and nap.
"""
