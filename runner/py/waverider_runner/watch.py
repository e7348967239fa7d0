"""The watch stands in for the program's thread when that is busy with something
that does not come back to the runner: it sends what was gathered, takes what
the Hub sends, tells the Hub of the program's health, and carries out a stop.

It sleeps while the program's thread waits, and looks now and then while not.
"""

from _thread import allocate_lock, start_new_thread
from time import monotonic

SOON = 0.005  # s between looks while something happens
ACTIVE = 20  # looks, after which it looks less often
SELDOM = 0.1
PATIENCE = 0.5  # s that a stop waits for the program's thread


class Watch:
    def __init__(self, runner):
        self.runner = runner
        self.bell = allocate_lock()
        self.bell.acquire()
        self.active = 0  # looks left
        self.asleep = False  # until rung
        self.started = False

    def start(self):
        self.started = True
        start_new_thread(self._run, ())

    def poke(self):
        """Something waits to be sent soon."""
        if self.active == 0:
            self._ring()

    def main_woke(self):
        """The program's thread no longer waits."""
        if self.asleep:
            self._ring()

    def _ring(self):
        if self.started and self.bell.locked():  # not rung already
            self.bell.release()

    def _run(self):
        while True:
            if self.asleep:
                rung = self.bell.acquire()
            else:
                rung = self.bell.acquire(True, SOON if self.active else SELDOM)
            self.asleep = False
            self.active = ACTIVE if rung else max(0, self.active - 1)
            try:
                self._look()
            except Exception as err:
                self.runner.log.error("the watch failed", err)

    def _look(self):
        runner = self.runner
        with runner.channel.lock:
            if runner.loop.polling:
                if runner.channel.drain():  # what another thread has sent
                    self.active = ACTIVE
                self.asleep = self.active == 0 and not runner.channel.pending
                return
            runner.serve()
        runner.stand_in(monotonic(), PATIENCE)
