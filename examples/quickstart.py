"""The first program: no network, run it with ``python examples/quickstart.py``."""

import testpilot_obs as obs

log = obs.get_logger("shop")


@obs.transaction
def checkout(items: int) -> None:
    """Sell something."""
    with obs.span("charge card", amount=items * 4):
        log.info("charged", items=items)


with obs.init(service_name="shop"):
    checkout(3)
