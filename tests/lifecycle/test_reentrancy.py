"""A signal handler, a finaliser or a logging call may land anywhere in our code."""

import pytest

from tests.lifecycle.programs import run

EVERYTHING = """
import gc, itertools, random
if sys.version_info < (3, 12):
    # There a finaliser that Python runs in the middle of ContextVar.set(), and that sets one too,
    # crashes the interpreter: python/cpython#148891. It may still run wherever a handler may.
    gc.disable()
numbers = itertools.count()
hits = obs.metrics.counter("hits_total", "hits", ["who"])
log, structured = logging.getLogger("app"), obs.get_logger("structured")
logging.getLogger().addHandler(logging.NullHandler())

class Processor:
    def on_start(self, span, parent_context=None): pass
    def on_end(self, span): pass
    def shutdown(self): pass
    def force_flush(self, timeout_millis=0): return True

def everything(who):
    with obs.span(who, n=next(numbers)):
        hits.labels(who).inc()
        log.warning("line %s", who)
        structured.info("hello", who=who)
    with obs.start_transaction(who):
        pass

class Finalised:
    def __init__(self):
        self.me = self
    def __del__(self):
        everything("finaliser")

def init(name="shop"):
    obs.init(service_name=name, log_format="none", span_processors=PROCESSORS)

def handler(*_):
    everything("handler")
    Finalised()
    chance = random.random()
    if chance < 0.1: obs.flush(0.05)
    if chance < 0.02: obs.metrics.render()
    if chance < 0.1: gc.collect()
    if chance < 0.01: init(random.choice("abc"))
    if chance < 0.005: obs.shutdown(0.05); init()
    signal.setitimer(signal.ITIMER_REAL, 0.001)

def while_it_lasts(act):
    while time.monotonic() < end:
        act()

def fork():
    pid = os.fork()
    if pid == 0:
        everything("child")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

def busy():
    everything("thread")
    obs.flush(0.02)

PROCESSORS = [Processor()] if WATCHED else []
init()
end = time.monotonic() + 2
threads = [threading.Thread(target=while_it_lasts, args=(act,)) for act in (busy, busy, fork)]
for thread in threads: thread.start()
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while_it_lasts(lambda: everything("main"))
signal.signal(signal.SIGALRM, signal.SIG_IGN)
for thread in threads: thread.join()
print(next(numbers) > 50)
"""


@pytest.mark.needs("fork")
@pytest.mark.parametrize("watched", [False, True], ids=["普通", "見張り"])
def test_どこで割り込まれても固まらない(receiver, watched):
    """A handler every millisecond, finalisers, threads and forks at once: nothing hangs."""
    _, printed, _ = run(f"WATCHED = {watched}\n{EVERYTHING}", endpoint=receiver.http_endpoint)

    assert printed == "True\n"


LOGS_ITSELF = """
class Chatty(logging.StreamHandler):
    def emit(self, record):
        with obs.span("emit"):
            if record.name != "chatty":
                logging.getLogger("chatty").info("I was told %s", record.msg)
logging.getLogger().addHandler(Chatty())
logging.getLogger().setLevel(logging.DEBUG)
obs.init(log_format="none")
sys.settrace(lambda *event: None)
for number in range(10):
    logging.getLogger("app").info("line")
sys.settrace(None)
"""


def test_記録の中で記録しても一度ずつ届く(receiver):
    """A handler of logging that logs and traces, under a tracing function: no loop, no double."""
    run(LOGS_ITSELF, endpoint=receiver.http_endpoint)

    told = [one.body.string_value for one in receiver.logs]
    assert (told.count("line"), told.count("I was told line")) == (10, 10)
