"""The Celery configuration: each setting with its reason.

The broker's address, the queues and the routes depend on the environment and the plugins; clerk_tasks/celery.py
adds them. Facts about Celery are those of 5.7.
"""

# --- messages: doorbells that carry a job's id; the database is the truth ---

#: JSON only, everywhere: a pickle from the broker would run as code.
task_serializer = "json"
accept_content = ["json"]
result_accept_content = ["json"]
#: Outcomes are rows of the jobs table, and nothing is stored beside them: the backend only reads.
task_ignore_result = True
result_backend = "clerk_tasks.celery_results:LedgerBackend"
#: Acknowledged before the work starts: nothing relies on redelivery, the relay publishes again what was not claimed.
task_acks_late = False
#: A typo in a queue's name is an error where it is made, not a queue without a worker.
task_create_missing_queues = False
task_default_queue = "default"

# --- the worker ---

#: No message ends the worker, and it reconnects within seconds; Celery's own does neither.
worker_consumer = "clerk_tasks.worker.celery_consumer:Consumer"
#: A process that forks must never hold SQLite open: commits were silently lost. Spawned children are fresh.
worker_pool = "prefork"
worker_pool_start_method = "spawn"
#: A fresh child imports the plugins and what they import.
worker_proc_alive_timeout = 120
#: A worker takes what it can start: a message held back by a busy worker is a job that waits beside an idle one.
#: On Redis, clerk_tasks/celery.py also sets worker_disable_prefetch, which other brokers do not have.
worker_prefetch_multiplier = 1
#: A pool child that leaks is replaced now and then; some up to a fifth earlier, so that not all are at once.
worker_max_tasks_per_child = 10_000
#: Logging is the program's, not Celery's, and a job's print stays a print.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
#: `celery inspect` and Flower work; events are off, since the jobs table says more and loses nothing.
worker_enable_remote_control = True
worker_send_task_events = False
#: Only matters for late acknowledgement, which we do not use; set, because Celery warns when it is not.
worker_cancel_long_running_tasks_on_connection_loss = False

# --- the broker comes and goes ---

#: A worker started before its broker waits for it, and never gives up; 100 tries, the default, end after 47 minutes.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
#: Redis out of memory, or a queue deleted under the consumer, is a reason to reconnect, not to exit.
broker_channel_error_retry = True
#: Without it, an exhausted connection pool blocks for ever.
broker_pool_acquire_timeout = 10

# --- time ---

enable_utc = True
timezone = "UTC"
#: Beat is only a pacemaker: the schedules, and what became of every slot, are in the database.
beat_scheduler = "clerk_tasks.schedules.beat:LedgerScheduler"
