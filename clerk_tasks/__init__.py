"""The Celery side: application, registry, dispatcher, executor, worker, schedules, command line."""
