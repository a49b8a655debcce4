"""Who sends: the attributes of this process."""

import os
import re
import types

import testpilot_obs
from testpilot_obs import names
from testpilot_obs._core import identity
from testpilot_obs.config import Config

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_自分を名乗る():
    """The resource names the service, this process and this library."""
    resource = identity.describe(Config(service_name="shop", service_version="2"))

    assert resource[names.SERVICE_NAME] == "shop"
    assert resource[names.SERVICE_VERSION] == "2"
    assert resource[names.PROCESS_PID] == os.getpid()
    assert resource[names.DISTRO_VERSION] == testpilot_obs.__version__
    assert resource[names.HOST_NAME]
    assert re.fullmatch(UUID, resource[names.SERVICE_INSTANCE_ID])
    assert names.DEPLOYMENT_ENVIRONMENT not in resource


def test_利用者の属性が先に立つ():
    """What the user says of the resource comes before what we found."""
    config = Config(resource_attributes={names.HOST_NAME: "mine", "team": "a"})

    resource = identity.describe(config)

    assert (resource[names.HOST_NAME], resource["team"]) == ("mine", "a")


def test_子は別の番号を持つ():
    """A child gets an instance id of its own, unless the user chose one."""
    resource = identity.describe(Config())
    chosen = {**resource, names.SERVICE_INSTANCE_ID: "chosen"}

    assert (
        identity.refresh(resource)[names.SERVICE_INSTANCE_ID]
        != (resource[names.SERVICE_INSTANCE_ID])
    )
    assert identity.refresh(chosen)[names.SERVICE_INSTANCE_ID] == "chosen"


def test_unameがなくても機械の名がわかる(monkeypatch):
    """Where there is no ``os.uname`` the slower way is taken."""
    monkeypatch.setattr(identity, "os", types.SimpleNamespace(getpid=os.getpid))

    assert identity.describe(Config())[names.HOST_NAME] == os.uname().nodename
