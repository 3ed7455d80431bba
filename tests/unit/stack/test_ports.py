"""A taken port is told with the name of who has it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stack import ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def test_a_free_port_can_be_bound():
    assert not ports.is_taken(ports.free_port())


def test_a_port_with_a_listener_is_taken(listener: socket.socket):
    assert ports.is_taken(listener.getsockname()[1])


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells who holds a port")
def test_the_complaint_names_the_process_and_the_way_around(listener: socket.socket):
    port = listener.getsockname()[1]
    words = ports.complaint(port, "TS_PORT")
    assert f"port {port} is in use by" in words
    assert f"(pid {os.getpid()})" in words
    assert f"TS_PORT={port + 100} ./ops/up" in words


def test_nobody_holds_a_free_port():
    assert ports.holder(ports.free_port()) is None
