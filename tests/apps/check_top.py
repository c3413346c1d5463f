#!/usr/bin/env python3
"""Runs `troupe top` in tmux against a real cluster, and looks at what is on the screen: check_top.py TROUPE TMUX"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time


def main(troupe, tmux):
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "TROUPE_ACCESS_FILE": f"{name}/access.json", "XDG_STATE_HOME": name,
                       "TROUPE__WORKER__NANNY": "false", "TERM": "xterm"}
        started = []

        def start(*arguments):
            process = subprocess.Popen([troupe, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       env=environment, text=True)
            started.append(process)
            assert "ready" in process.stdout.readline(), arguments

        def terminal(*arguments):
            return subprocess.run([tmux, "-S", f"{name}/tmux", *arguments], check=True, capture_output=True, text=True,
                                  env=environment).stdout

        def until(what, seen):
            end = time.monotonic() + 60
            screen = ""
            while time.monotonic() < end:
                screen = terminal("capture-pane", "-p")
                if seen(screen):
                    return screen
                time.sleep(0.05)
            raise SystemExit(f"waited in vain for {what}; the screen is:\n{screen}")

        try:
            start("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0")
            for worker in ("alpha", "beta"):
                start("worker", "--name", worker, "--nthreads", "1", "--http-port", "0")
            terminal("new-session", "-d", "-x", "120", "-y", "30", f"{troupe} top --every 100ms; echo left $?; cat")
            until("the workers", lambda screen: "alpha" in screen and "beta" in screen and "2 workers" in screen)
            once = subprocess.run([troupe, "top", "--once"], check=True, capture_output=True, text=True, env=environment)
            assert "2 workers, 2 threads" in once.stdout and "\x1b" not in once.stdout, once.stdout
            terminal("send-keys", "h")
            until("the keys", lambda screen: "sort by the column" in screen)
            terminal("send-keys", "h")
            text = pathlib.Path(name, "text")
            text.write_text("one two three\n" * 1000)
            subprocess.run([troupe, "demo", "wordcount", str(text)], check=True, capture_output=True, env=environment)
            def output(*arguments):
                return subprocess.run([troupe, *arguments], check=True, capture_output=True, text=True,
                                      env=environment).stdout

            trace = json.loads(output("timeline"))["traceEvents"]
            runs = [event for event in trace if event["ph"] == "X"]
            table = output("timeline", "--format", "csv").splitlines()
            assert runs and len(table) == len(runs) + 1, (len(runs), len(table))
            function = runs[0]["name"]
            assert {event["args"]["name"] for event in trace if event["ph"] == "M"} <= {"alpha", "beta"}
            terminal("send-keys", "Tab")
            until("the functions", lambda screen: function[:20] in screen and "FUNCTION" in screen)
            terminal("send-keys", "Tab")
            for process in reversed(started):
                process.send_signal(signal.SIGKILL)
            screen = until("the loss to be told", lambda screen: "NOT ANSWERING" in screen)
            assert "alpha" in screen, "the last figures are gone"
            terminal("send-keys", "q")
            until("the end", lambda screen: "left 0" in screen and "WORKER" not in screen)
        finally:
            for process in started:
                process.kill()
                process.wait()
            subprocess.run([tmux, "-S", f"{name}/tmux", "kill-server"], check=False, capture_output=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
