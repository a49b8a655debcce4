"""A Celery application under test; its broker is a folder."""

import os

from celery import Celery

from tests.metrics.service import jobs

FOLDER = os.environ["SHOP_BROKER"]
celery = Celery("shop", broker="filesystem://")
celery.conf.update(
    broker_transport_options={
        "data_folder_in": FOLDER,
        "data_folder_out": FOLDER,
        "control_folder": f"{FOLDER}/control",
    },
    worker_hijack_root_logger=False,
)


@celery.task
def work():
    """Count one job."""
    jobs.labels("celery").inc()
