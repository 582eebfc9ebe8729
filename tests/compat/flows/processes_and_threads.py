"""Steps that start threads, processes and programs."""

import multiprocessing
import subprocess
import sys
import threading

from metaflow import FlowSpec, step


def square(number):
    return number * number


class ProcessesAndThreads(FlowSpec):
    @step
    def start(self):
        with multiprocessing.Pool(2) as pool:
            self.squares = pool.map(square, [1, 2, 3])
        found = []
        threads = [threading.Thread(target=found.append, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.found = sorted(found)
        done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True)
        self.printed = done.stdout.strip()
        self.next(self.end)

    @step
    def end(self):
        assert self.squares == [1, 4, 9] and self.found == [0, 1, 2] and self.printed == "42"


if __name__ == "__main__":
    ProcessesAndThreads()
