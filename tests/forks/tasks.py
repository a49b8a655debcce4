"""Jobs of a Celery application, whose broker is a folder, and of RQ: each is one span."""

import os

from celery import Celery

from tests.forks.web import answer

folder = os.environ.get("SHOP_BROKER", "")
celery = Celery("shop", broker="filesystem://")
celery.conf.update(
    broker_transport_options={
        "data_folder_in": folder,
        "data_folder_out": folder,
        "control_folder": f"{folder}/control",
    },
    worker_hijack_root_logger=False,
)
if os.environ.get("SHOP_HOOKS"):
    from testpilot_obs.integrations.celery import connect

    connect()


@celery.task
def work(number):
    """Do one job."""
    answer(str(number))
