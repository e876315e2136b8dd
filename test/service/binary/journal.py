"""Runs a service (argv) under a systemd-journald of its own, sends it hostile requests, and prints its journal as JSON.

Run it in a mount namespace of its own, as root: it puts an empty file system over /run and /var/log."""

import json
import signal
import socket
import subprocess
import sys
import time

for folder in ["/run", "/var/log"]:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
journald = subprocess.Popen(["/lib/systemd/systemd-journald", "test"], stderr=subprocess.DEVNULL)


def journal():
    command = ["journalctl", "--namespace", "test", "--output", "json", "--no-pager"]
    output = subprocess.run(command, capture_output=True, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def until(what):
    for _ in range(400):
        found = what()
        if found:
            return found
        time.sleep(0.025)
    sys.exit("the journal says nothing")


def connected():
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect("/run/systemd/journal.test/stdout")
        return stream
    except OSError:
        return None


def said(event):
    lines = [entry["MESSAGE"] for entry in journal() if entry.get("SYSLOG_IDENTIFIER") == "app"]
    return next((line for line in lines if f'"event":"{event}"' in str(line)), None)


# What systemd sends when it connects a unit's output: identifier, unit, priority, and four flags.
out = until(connected)
out.send(b"app\n\n6\n0\n0\n0\n0\n")
service = subprocess.Popen(sys.argv[1:], stdout=out)
url = json.loads(until(lambda: said("listening")))["url"]
address = ("127.0.0.1", int(url.rstrip("/").rsplit(":", 1)[1]))

everything = bytes(byte for byte in range(1, 256) if byte not in b"\r\n")
values = [everything, b"a" * 5000, b"Root=" + b"1" * 9000, b"\x7f", b"\xc2\x85", b'"\\', "ü€😀".encode(), b"\xff\xfe"]
for header in [b"X-Amzn-Trace-Id", b"X-Request-Id", b"User-Agent", b"Host"]:
    for value in values:
        with socket.create_connection(address) as client:
            client.send(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b": " + value + b"\r\n\r\n")
            while client.recv(65536):
                pass
for value in values:
    with socket.create_connection(address) as client:
        client.send(b"GET /" + value.replace(b" ", b"") + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while client.recv(65536):
            pass

service.send_signal(signal.SIGTERM)
service.wait()
until(lambda: said("stopped"))
print(json.dumps([entry["MESSAGE"] for entry in journal() if entry.get("SYSLOG_IDENTIFIER") == "app"]))
journald.terminate()
journald.wait()
