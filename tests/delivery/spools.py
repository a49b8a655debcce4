"""A spool as a process uses it, and what lies on disk afterwards."""

from pathlib import Path

from testpilot_obs.delivery.spool import Spool


def descriptors():
    """Return how many files this process has open."""
    return len(names_in("/dev/fd"))


def names_in(folder):
    """Return the names in *folder*."""
    return sorted(path.name for path in Path(folder).iterdir())


def files(folder):
    """Return the spool files below *folder*."""
    return sorted(path for path in Path(folder).rglob("*.spool") if path.is_file())


class Request:
    """Something that can be saved."""

    signal = "logs"

    def __init__(self, text, count=1):
        self.text = text
        self.count = count

    def __len__(self):
        return self.count

    def otlp(self):
        """Return the text."""
        return self.text.encode()


def take_all(spool):
    """Return the texts of all that lies there, oldest first, and settle it."""
    texts = []
    while (stored := spool.take()) is not None:
        texts.append(stored.otlp().decode())
        spool.settle(stored)
    return texts


def save(folder, *texts, **how):
    """Leave *texts* behind as a process that has ended."""
    spool = Spool(str(folder), "logs", **how)
    for text in texts:
        assert spool.save(Request(text))
    spool.close()
    return spool
