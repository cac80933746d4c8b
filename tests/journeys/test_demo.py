"""`gateway demo`: however it is stopped, its gateway stops with it."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from running_gateway import environment


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_leaves_no_gateway_behind(tmp_path: Path, how: signal.Signals) -> None:
    argv = [sys.executable, "-m", "gateway", "demo", "--events", "20", "--data-dir", str(tmp_path)]
    with subprocess.Popen(argv, env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        url = next(line.split()[2].rstrip(";") for line in demo.stdout if line.startswith("Serving at"))
        at = urlsplit(url)
        socket.create_connection((str(at.hostname), int(at.port or 0)), timeout=5).close()
        demo.send_signal(how)
        assert "Stopping." in demo.stdout.read()
    assert demo.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(at.hostname), int(at.port or 0)), timeout=5)
