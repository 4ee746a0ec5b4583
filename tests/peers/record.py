"""Runs a stdio server and records every frame: record.py FILE COMMAND [ARG...].

Each line of FILE is {"from": "client" | "server", "frame": ...}. Signals and the end of standard
input pass through, so that the server notices nothing.
"""

import json
import signal
import subprocess
import sys
import threading


def pump(source, target, sender, record, lock):
    for line in source:
        with lock:
            record.write(json.dumps({"from": sender, "frame": json.loads(line)}) + "\n")
            record.flush()
        target.write(line)
        target.flush()
    target.close()


def main():
    path, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: server.send_signal(number))
    lock = threading.Lock()
    with open(path, "a", encoding="utf-8") as record:
        threading.Thread(
            target=pump,
            args=(sys.stdin.buffer, server.stdin, "client", record, lock),
            daemon=True,
        ).start()
        pump(server.stdout, sys.stdout.buffer, "server", record, lock)
        sys.exit(server.wait())


main()
