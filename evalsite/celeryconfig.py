"""Celery's settings: the job rows are the record, so messages are only nudges and may be lost."""

from django.conf import settings

broker_url = settings.BROKER_URL
broker_connection_retry_on_startup = True
broker_transport_options = {
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "health_check_interval": 10,
}
result_backend = f"evalsite.celery.ChordBackend+{settings.BROKER_URL.removeprefix('redis+')}"
result_backend_transport_options = {"retry_policy": {"max_retries": 1, "timeout": 2.0}}
imports = ("workers.tasks", "workers.measuring")
task_ignore_result = True
task_default_queue = "cpu"
task_routes = {
    "workers.tasks.train": {"queue": "gpu"},
    "workers.tasks.sample": {"queue": "gpu"},
    "workers.tasks.extract": {"queue": "gpu"},
    "workers.tasks.measure": {"queue": "gpu"},
    "workers.tasks.export": {"queue": "gpu"},
    "workers.tasks.share": {"queue": "gpu"},
    "workers.tasks.classify": {"queue": "gpu"},
    "workers.tasks.forge": {"queue": "gpu"},
    "workers.tasks.transfer": {"queue": "gpu"},
}
worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
worker_send_task_events = False
worker_enable_remote_control = True
timezone = "UTC"
beat_schedule = {
    "sweep": {"task": "workers.tasks.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
}
