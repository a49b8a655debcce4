"""The program under test: records, lives for a while, records more, and ends in a given way.

Started with its plan as JSON; says on stdout how far it is, one JSON object a line::

    {"subject": "ours", "number": 90, "exit": "sys.exit", "dns": false}

It records the first half, says ``{"step": "half"}``, lives until a line comes in, records the
second half, says ``{"step": "end", …}`` with what it measured, and ends.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time

from tests.faults.subjects import SUBJECTS

TICK_S = 0.002
FLUSH_S = 2.0


class Meter:
    """Measures how long recording calls take, and how long the event loop is held up."""

    def __init__(self):
        self.call_s = 0.0
        self.stall_s = 0.0

    def call(self, function, number):
        """Call *function*, remember the longest."""
        began = time.perf_counter()
        function(number)
        self.call_s = max(self.call_s, time.perf_counter() - began)

    async def watch(self):
        """Be woken as often as possible, remember the longest delay."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.stall_s = max(self.stall_s, time.perf_counter() - began - TICK_S)


def say(**what):
    """Tell whoever started this program."""
    os.write(1, json.dumps(what).encode() + b"\n")


async def live(subject, number, meter):
    """Record both halves; return at the end of the second."""
    subject.start()
    # The first of each kind imports what it needs, which is no stall by a collector.
    for record in (subject.span, subject.log, subject.count):
        record(0)
    watching = asyncio.create_task(meter.watch())
    await record_all(subject, range(1, number // 2), meter)
    say(step="half")
    await next_line()
    await record_all(subject, range(number // 2, number), meter)
    watching.cancel()


async def record_all(subject, numbers, meter):
    """Record one span, line and point for each number."""
    for number in numbers:
        for record in (subject.span, subject.log, subject.count):
            meter.call(record, number)
        await asyncio.sleep(0)


async def next_line():
    """Wait until something comes in, without a thread."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(0, came.set)
    await came.wait()
    loop.remove_reader(0)
    os.read(0, 4096)


def wait_for_signal():
    """Live until a signal ends it."""
    while True:
        time.sleep(0.02)


def hang_names():
    """Let the resolver hang, as it does when a name server swallows the questions."""
    real = socket.getaddrinfo

    def hang(*arguments, **options):
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            return real(*arguments, **options)
        threading.Event().wait()
        raise AssertionError

    socket.getaddrinfo = hang


def leave(how, subject):
    """End in the way *how*; what remains ends by a return from main."""
    if how == "shutdown()":
        subject.shutdown()
        say(step="books", books=subject.stats())
    elif how == "sys.exit":
        sys.exit(3)
    elif how == "exception":
        raise RuntimeError("nobody catches this")
    elif how.startswith("SIG"):
        wait_for_signal()
    elif how.startswith("os._exit"):
        if "flush" in how:
            subject.flush(FLUSH_S)
            say(step="books", books=subject.stats())
        os._exit(0)


def main(plan):
    """Run."""
    if plan.get("dns"):
        hang_names()
    if plan["exit"] == "SIGINT":
        signal.signal(signal.SIGINT, signal.default_int_handler)
    subject, meter = SUBJECTS[plan["subject"]](), Meter()
    asyncio.run(live(subject, plan["number"], meter))
    say(step="end", at=time.monotonic(), call_s=meter.call_s, stall_s=meter.stall_s)
    leave(plan["exit"], subject)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
